import { type Decider, type MessageOf, reject, type Rejection } from "annals";
import type { commands } from "./commands.ts";
import type { events } from "./events.ts";
import {
  isEmail,
  isSameAddress,
  type Registered,
  type State,
  tier,
  withAdded,
  withoutAddress,
  withoutMethod,
} from "./state.ts";

type Command = MessageOf<typeof commands>;
type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;
type Event = MessageOf<typeof events>;
type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;
type Code = keyof typeof rejections;
type Decision = readonly Event[] | Rejection<Code>;

export const rejections = {
  address_not_found: "The customer has no such address",
  already_deactivated: "The customer is deactivated already",
  already_exists: "The customer exists already",
  already_suspended: "The customer is suspended already",
  cannot_remove_default_payment_method: "The default payment method cannot be removed while there are others",
  empty_email: "A customer needs an email address",
  empty_first_name: "A customer needs a first name",
  empty_last_name: "A customer needs a last name",
  invalid_email: "This is no email address",
  not_active: "Only an active customer can be changed",
  not_initialized: "The customer does not exist",
  not_suspended: "Only a suspended customer can be reactivated",
  payment_method_not_found: "The customer has no such payment method",
  tier_downgrade_not_allowed: "A tier moves up only",
};

export const decider: Decider<Command, Event, State, Code> = {
  initialState: { status: "Missing" },
  decide(command, state) {
    switch (command.type) {
      case "RegisterCustomer":
        return register(command, state);
      case "UpdateProfile":
        return updateProfile(command, state);
      case "ChangeEmail":
        return changeEmail(command, state);
      case "ChangePhone":
        return changePhone(command, state);
      case "AddAddress":
        return addAddress(command, state);
      case "UpdateAddress":
        return updateAddress(command, state);
      case "RemoveAddress":
        return removeAddress(command, state);
      case "AddPaymentMethod":
        return addPaymentMethod(command, state);
      case "RemovePaymentMethod":
        return removePaymentMethod(command, state);
      case "UpgradeTier":
        return upgradeTier(command, state);
      case "SuspendCustomer":
        return suspend(command, state);
      case "ReactivateCustomer":
        return reactivate(command, state);
      case "DeactivateCustomer":
        return deactivate(command, state);
    }
  },
  evolve(state, event, { timestamp: updated_at }) {
    if (event.type === "CustomerRegistered") return registered(event, updated_at);
    if (state.status === "Missing") return state;
    switch (event.type) {
      case "CustomerProfileUpdated":
        return profileUpdated(event, state, updated_at);
      case "CustomerEmailChanged":
        return { ...state, email: event.new_email, updated_at };
      case "CustomerPhoneChanged":
        return { ...state, phone: event.new_phone, updated_at };
      case "CustomerAddressAdded":
        return addressAdded(event, state, updated_at);
      case "CustomerAddressUpdated":
        return addressUpdated(event, state, updated_at);
      case "CustomerAddressRemoved":
        return { ...state, addresses: withoutAddress(state, event.address_id), updated_at };
      case "CustomerPaymentMethodAdded":
        return methodAdded(event, state, updated_at);
      case "CustomerPaymentMethodRemoved":
        return { ...state, payment_methods: withoutMethod(state, event.payment_method_id), updated_at };
      case "CustomerTierUpgraded":
        return { ...state, tier: event.new_tier, updated_at };
      case "CustomerSuspended":
        return { ...state, status: "Suspended", updated_at };
      case "CustomerReactivated":
        return { ...state, status: "Active", updated_at };
      case "CustomerDeactivated":
        return { ...state, status: "Deactivated", updated_at };
      default:
        return unknownEvent(event, state);
    }
  },
};

function register(command: CommandOf<"RegisterCustomer">, state: State): Decision {
  if (state.status !== "Missing") return reject("already_exists");
  return refuseEmail(command.email) ?? refuseNames(command) ?? [{ ...command, type: "CustomerRegistered" }];
}

function updateProfile(command: CommandOf<"UpdateProfile">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  const refusal = refuseNames(command);
  if (refusal !== undefined) return refusal;
  const { first_name, last_name, phone } = command;
  const changes = {
    ...(first_name === undefined || first_name === state.first_name ? {} : { first_name }),
    ...(last_name === undefined || last_name === state.last_name ? {} : { last_name }),
    ...(phone === undefined || phone === state.phone ? {} : { phone }),
  };
  return Object.keys(changes).length === 0 ? [] : [{ ...changes, type: "CustomerProfileUpdated" }];
}

function changeEmail({ new_email }: CommandOf<"ChangeEmail">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  const refusal = refuseEmail(new_email);
  if (refusal !== undefined) return refusal;
  return new_email === state.email ? [] : [{ type: "CustomerEmailChanged", old_email: state.email, new_email }];
}

function changePhone({ new_phone }: CommandOf<"ChangePhone">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  return new_phone === state.phone ? [] : [{ type: "CustomerPhoneChanged", old_phone: state.phone, new_phone }];
}

function addAddress({ address_id, address, set_as_default }: CommandOf<"AddAddress">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  if (state.addresses.some((each) => each.address_id === address_id)) return [];
  const is_default = set_as_default || state.addresses.length === 0;
  return [{ type: "CustomerAddressAdded", address_id, address, is_default }];
}

function updateAddress(command: CommandOf<"UpdateAddress">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  const known = state.addresses.find((each) => each.address_id === command.address_id);
  if (known === undefined) return reject("address_not_found");
  return isSameAddress(known.address, command.address) ? [] : [{ ...command, type: "CustomerAddressUpdated" }];
}

function removeAddress(command: CommandOf<"RemoveAddress">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  const isKnown = state.addresses.some((each) => each.address_id === command.address_id);
  return isKnown ? [{ ...command, type: "CustomerAddressRemoved" }] : reject("address_not_found");
}

function addPaymentMethod(command: CommandOf<"AddPaymentMethod">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  if (state.payment_methods.some((each) => each.payment_method_id === command.payment_method_id)) return [];
  const is_default = command.is_default || state.payment_methods.length === 0;
  return [{ ...command, type: "CustomerPaymentMethodAdded", is_default }];
}

function removePaymentMethod(command: CommandOf<"RemovePaymentMethod">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  const known = state.payment_methods.find((each) => each.payment_method_id === command.payment_method_id);
  if (known === undefined) return reject("payment_method_not_found");
  if (known.is_default && state.payment_methods.length > 1) return reject("cannot_remove_default_payment_method");
  return [{ ...command, type: "CustomerPaymentMethodRemoved" }];
}

function upgradeTier({ new_tier }: CommandOf<"UpgradeTier">, state: State): Decision {
  if (state.status !== "Active") return refuseStatus(state);
  if (new_tier === state.tier) return [];
  const isUp = tier.options.indexOf(new_tier) > tier.options.indexOf(state.tier);
  if (!isUp) return reject("tier_downgrade_not_allowed");
  return [{ type: "CustomerTierUpgraded", old_tier: state.tier, new_tier }];
}

function suspend(command: CommandOf<"SuspendCustomer">, state: State): Decision {
  if (state.status === "Missing") return reject("not_initialized");
  if (state.status === "Suspended") return reject("already_suspended");
  if (state.status === "Deactivated") return reject("already_deactivated");
  return [{ ...command, type: "CustomerSuspended" }];
}

function reactivate(command: CommandOf<"ReactivateCustomer">, state: State): Decision {
  if (state.status === "Missing") return reject("not_initialized");
  return state.status === "Suspended" ? [{ ...command, type: "CustomerReactivated" }] : reject("not_suspended");
}

function deactivate(command: CommandOf<"DeactivateCustomer">, state: State): Decision {
  if (state.status === "Missing") return reject("not_initialized");
  if (state.status === "Deactivated") return reject("already_deactivated");
  return [{ ...command, type: "CustomerDeactivated" }];
}

function refuseStatus(state: State): Rejection<Code> {
  return reject(state.status === "Missing" ? "not_initialized" : "not_active");
}

function refuseNames(names: { first_name?: string; last_name?: string }): Rejection<Code> | undefined {
  if (names.first_name?.trim() === "") return reject("empty_first_name");
  return names.last_name?.trim() === "" ? reject("empty_last_name") : undefined;
}

function refuseEmail(email: string): Rejection<Code> | undefined {
  if (email.trim() === "") return reject("empty_email");
  return isEmail(email) ? undefined : reject("invalid_email");
}

function registered(event: EventOf<"CustomerRegistered">, registered_at: string): State {
  const { email, first_name, last_name, phone = null } = event;
  const nothing = { addresses: [], payment_methods: [] };
  const profile = { email, first_name, last_name, phone, tier: "Bronze" } as const;
  return { status: "Active", ...profile, ...nothing, registered_at, updated_at: registered_at };
}

function profileUpdated(event: EventOf<"CustomerProfileUpdated">, state: Registered, updated_at: string): State {
  const { first_name = state.first_name, last_name = state.last_name, phone = state.phone } = event;
  return { ...state, first_name, last_name, phone, updated_at };
}

function addressAdded(event: EventOf<"CustomerAddressAdded">, state: Registered, updated_at: string): State {
  const { address_id, address, is_default } = event;
  return { ...state, addresses: withAdded(state.addresses, { address_id, address, is_default }), updated_at };
}

function addressUpdated(event: EventOf<"CustomerAddressUpdated">, state: Registered, updated_at: string): State {
  const { address_id, address } = event;
  const addresses = state.addresses.map((each) => each.address_id === address_id ? { ...each, address } : each);
  return { ...state, addresses, updated_at };
}

function methodAdded(event: EventOf<"CustomerPaymentMethodAdded">, state: Registered, updated_at: string): State {
  const { type: _, ...method } = event;
  return { ...state, payment_methods: withAdded(state.payment_methods, method), updated_at };
}

/** An event of a newer deploy changes nothing here; the parameter's type makes the switch above exhaustive. */
function unknownEvent(_event: never, state: State): State {
  return state;
}
