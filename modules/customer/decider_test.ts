import { describe, it } from "@std/testing/bdd";
import { type CommandOf, type EventOf, specification } from "annals/testing";
import customer from "./mod.ts";

type Command = CommandOf<typeof customer>;
type Event = EventOf<typeof customer>;

const [HOME, WORK, UNKNOWN] = [1, 2, 3].map((last) => `0199e5c0-0000-7000-8000-0000000000a${last}`) as [
  string,
  string,
  string,
];
const address = { street: "1 Main St", city: "Springfield", state: "IL", postal_code: "62701", country: "US" };
const elsewhere = { ...address, street: "2 Side St" };
const profile = { email: "Alice@example.com", first_name: "Alice", last_name: "Smith", phone: "+1 (555) 010-0000" };
const card = { method_type: "CreditCard", last_four: "4242" } as const;
const { given, when } = specification(customer);

const register = { type: "RegisterCustomer", ...profile } as const;
const registered = { type: "CustomerRegistered", ...profile } as const;
const suspended = { type: "CustomerSuspended", reason: "fraud" } as const;
const deactivated = { type: "CustomerDeactivated", reason: "asked" } as const;
const added = (address_id: string, is_default: boolean) =>
  ({ type: "CustomerAddressAdded", address_id, address, is_default }) as const;
const method = (payment_method_id: string, is_default: boolean) =>
  ({ type: "CustomerPaymentMethodAdded", payment_method_id, ...card, is_default }) as const;

const changes: readonly Command[] = [
  { type: "UpdateProfile", first_name: "" },
  { type: "ChangeEmail", new_email: "" },
  { type: "ChangePhone", new_phone: "1" },
  { type: "AddAddress", address_id: HOME, address, set_as_default: false },
  { type: "UpdateAddress", address_id: UNKNOWN, address },
  { type: "RemoveAddress", address_id: UNKNOWN },
  { type: "AddPaymentMethod", payment_method_id: HOME, ...card, is_default: false },
  { type: "RemovePaymentMethod", payment_method_id: UNKNOWN },
  { type: "UpgradeTier", new_tier: "Bronze" },
];
const lifecycle: readonly Command[] = [
  { type: "SuspendCustomer", reason: "fraud" },
  { type: "ReactivateCustomer" },
  { type: "DeactivateCustomer", reason: "asked" },
];

for (const command of [...changes, ...lifecycle]) {
  it(`${command.type} on a missing customer is rejected as not_initialized`, () =>
    when(command).thenRejected("not_initialized"));
}
for (const command of changes) {
  it(`${command.type} on a suspended customer is rejected as not_active`, () =>
    given(registered, suspended).when(command).thenRejected("not_active"));
  it(`${command.type} on a deactivated customer is rejected as not_active`, () =>
    given(registered, deactivated).when(command).thenRejected("not_active"));
}

describe("RegisterCustomer", () => {
  it("on a missing customer registers it", () => when(register).then(registered));
  it("without a phone registers it without", () => {
    const { phone: _, ...rest } = profile;
    when({ type: "RegisterCustomer", ...rest }).then({ type: "CustomerRegistered", ...rest });
  });
  for (const past of [[registered], [registered, suspended], [registered, deactivated]]) {
    it(`after ${past.at(-1)?.type} is rejected as already_exists, whatever it says`, () =>
      given(...past).when({ ...register, email: "" }).thenRejected("already_exists"));
  }
  it("with a blank email is rejected as empty_email", () => {
    when({ ...register, email: "" }).thenRejected("empty_email");
    when({ ...register, email: " \t", first_name: "", last_name: "" }).thenRejected("empty_email");
  });
  it("with no email address is rejected as invalid_email", () =>
    when({ ...register, email: "x" }).thenRejected("invalid_email"));
  it("with a blank first name is rejected as empty_first_name", () =>
    when({ ...register, first_name: " ", last_name: "" }).thenRejected("empty_first_name"));
  it("with a blank last name is rejected as empty_last_name", () =>
    when({ ...register, last_name: " " }).thenRejected("empty_last_name"));
});

describe("UpdateProfile", () => {
  const past = given(registered);
  it("makes one event with the changed fields only", () => {
    past.when({ type: "UpdateProfile", first_name: "Alicia", last_name: "Smith" })
      .then({ type: "CustomerProfileUpdated", first_name: "Alicia" });
    past.when({ type: "UpdateProfile", first_name: "Alicia", last_name: "Jones", phone: "555" })
      .then({ type: "CustomerProfileUpdated", first_name: "Alicia", last_name: "Jones", phone: "555" });
  });
  it("that changes nothing makes no event", () => {
    past.when({ type: "UpdateProfile" }).thenNothing();
    past.when({ type: "UpdateProfile", first_name: "Alice", last_name: "Smith", phone: profile.phone }).thenNothing();
  });
  it("sent again makes no event", () =>
    given(registered, { type: "CustomerProfileUpdated", phone: "555" })
      .when({ type: "UpdateProfile", phone: "555" }).thenNothing());
  it("with a blank first name is rejected as empty_first_name", () =>
    past.when({ type: "UpdateProfile", first_name: " " }).thenRejected("empty_first_name"));
  it("with a blank last name is rejected as empty_last_name", () =>
    past.when({ type: "UpdateProfile", first_name: "Al", last_name: "" }).thenRejected("empty_last_name"));
});

describe("ChangeEmail", () => {
  const past = given(registered);
  const change = (new_email: string) => past.when({ type: "ChangeEmail", new_email });
  it("makes an event with both emails", () =>
    change("a@b.co").then({ type: "CustomerEmailChanged", old_email: profile.email, new_email: "a@b.co" }));
  it("to the same makes no event", () => change(profile.email).thenNothing());
  it("to other letter case makes an event, as it is kept as typed", () =>
    change("alice@example.com")
      .then({ type: "CustomerEmailChanged", old_email: profile.email, new_email: "alice@example.com" }));
  it("to a blank one is rejected as empty_email", () => change("  ").thenRejected("empty_email"));
  it("to no email address is rejected as invalid_email", () => change("alice").thenRejected("invalid_email"));
});

describe("ChangePhone", () => {
  it("makes an event with both phones", () =>
    given(registered).when({ type: "ChangePhone", new_phone: "555" })
      .then({ type: "CustomerPhoneChanged", old_phone: profile.phone, new_phone: "555" }));
  it("of a customer without one has null as the old phone", () => {
    const { phone: _, ...rest } = registered;
    given(rest).when({ type: "ChangePhone", new_phone: "555" })
      .then({ type: "CustomerPhoneChanged", old_phone: null, new_phone: "555" });
  });
  it("to the same makes no event", () =>
    given(registered).when({ type: "ChangePhone", new_phone: profile.phone }).thenNothing());
});

describe("AddAddress", () => {
  const add = (address_id: string, set_as_default: boolean) =>
    ({ type: "AddAddress", address_id, address, set_as_default }) as const;
  it("makes the first one the default", () => given(registered).when(add(HOME, false)).then(added(HOME, true)));
  it("makes a later one the default only when told so", () => {
    given(registered, added(HOME, true)).when(add(WORK, false)).then(added(WORK, false));
    given(registered, added(HOME, true)).when(add(WORK, true)).then(added(WORK, true));
  });
  it("with a known id makes no event", () => {
    given(registered, added(HOME, true)).when(add(HOME, true)).thenNothing();
    given(registered, added(HOME, true)).when({ ...add(HOME, true), address: elsewhere }).thenNothing();
  });
});

describe("UpdateAddress", () => {
  const past = given(registered, added(HOME, true));
  it("makes an event", () =>
    past.when({ type: "UpdateAddress", address_id: HOME, address: elsewhere })
      .then({ type: "CustomerAddressUpdated", address_id: HOME, address: elsewhere }));
  for (const field of ["street", "city", "state", "postal_code", "country"] as const) {
    it(`of another ${field} alone makes an event`, () => {
      const changed = { ...address, [field]: "other" };
      past.when({ type: "UpdateAddress", address_id: HOME, address: changed })
        .then({ type: "CustomerAddressUpdated", address_id: HOME, address: changed });
    });
  }
  it("to the same makes no event", () => past.when({ type: "UpdateAddress", address_id: HOME, address }).thenNothing());
  it("of an unknown one is rejected as address_not_found", () =>
    past.when({ type: "UpdateAddress", address_id: UNKNOWN, address }).thenRejected("address_not_found"));
});

describe("RemoveAddress", () => {
  const remove = { type: "RemoveAddress", address_id: HOME } as const;
  const removed = { type: "CustomerAddressRemoved", address_id: HOME } as const;
  it("makes an event, of the default one too", () =>
    given(registered, added(HOME, true), added(WORK, false)).when(remove).then(removed));
  it("of an unknown one is rejected as address_not_found", () =>
    given(registered).when(remove).thenRejected("address_not_found"));
  it("sent again is rejected as address_not_found", () =>
    given(registered, added(HOME, true), removed).when(remove).thenRejected("address_not_found"));
});

describe("AddPaymentMethod", () => {
  const add = (payment_method_id: string, is_default: boolean) =>
    ({ type: "AddPaymentMethod", payment_method_id, ...card, is_default }) as const;
  it("makes the first one the default", () => given(registered).when(add(HOME, false)).then(method(HOME, true)));
  it("makes a later one the default only when told so", () => {
    given(registered, method(HOME, true)).when(add(WORK, false)).then(method(WORK, false));
    given(registered, method(HOME, true)).when(add(WORK, true)).then(method(WORK, true));
  });
  it("with a known id makes no event", () =>
    given(registered, method(HOME, true)).when({ ...add(HOME, true), last_four: "0000" }).thenNothing());
});

describe("RemovePaymentMethod", () => {
  const remove = (payment_method_id: string) => ({ type: "RemovePaymentMethod", payment_method_id }) as const;
  const removed = (payment_method_id: string) => ({ type: "CustomerPaymentMethodRemoved", payment_method_id }) as const;
  const both = [registered, method(HOME, true), method(WORK, false)] as const;
  it("makes an event", () => given(...both).when(remove(WORK)).then(removed(WORK)));
  it("of the default one while there are others is rejected as cannot_remove_default_payment_method", () =>
    given(...both).when(remove(HOME)).thenRejected("cannot_remove_default_payment_method"));
  it("of the default one when it is the last makes an event", () =>
    given(registered, method(HOME, true)).when(remove(HOME)).then(removed(HOME)));
  it("of a default one that another took over from makes an event", () =>
    given(registered, method(HOME, true), method(WORK, true)).when(remove(HOME)).then(removed(HOME)));
  it("of an unknown one is rejected as payment_method_not_found", () =>
    given(...both).when(remove(UNKNOWN)).thenRejected("payment_method_not_found"));
});

describe("UpgradeTier", () => {
  const upgrade = (new_tier: "Bronze" | "Silver" | "Gold" | "Platinum") => ({ type: "UpgradeTier", new_tier }) as const;
  const gold = { type: "CustomerTierUpgraded", old_tier: "Bronze", new_tier: "Gold" } as const;
  it("moves up, over several steps too", () => {
    given(registered).when(upgrade("Gold")).then(gold);
    given(registered, gold).when(upgrade("Platinum"))
      .then({ type: "CustomerTierUpgraded", old_tier: "Gold", new_tier: "Platinum" });
  });
  it("to the same tier makes no event", () => given(registered, gold).when(upgrade("Gold")).thenNothing());
  it("downwards is rejected as tier_downgrade_not_allowed", () =>
    given(registered, gold).when(upgrade("Silver")).thenRejected("tier_downgrade_not_allowed"));
});

type Rejected = Parameters<ReturnType<typeof when>["thenRejected"]>[0];
const reactivated = { type: "CustomerReactivated", notes: "cleared" } as const;
const statuses: readonly (readonly [string, readonly Event[]])[] = [
  ["an active", [registered]],
  ["a suspended", [registered, suspended]],
  ["a reactivated", [registered, suspended, reactivated]],
  ["a deactivated", [registered, deactivated]],
];
const expectations: readonly (readonly [Command, readonly (Event | Rejected)[]])[] = [
  [{ type: "SuspendCustomer", reason: "fraud" }, [suspended, "already_suspended", suspended, "already_deactivated"]],
  [
    { type: "ReactivateCustomer", notes: "cleared" },
    ["not_suspended", reactivated, "not_suspended", "not_suspended"],
  ],
  [
    { type: "DeactivateCustomer", reason: "asked" },
    [deactivated, deactivated, deactivated, "already_deactivated"],
  ],
];
for (const [command, row] of expectations) {
  describe(command.type, () => {
    for (const [at, expected] of row.entries()) {
      const [status = "", past = []] = statuses[at] ?? [];
      const name = typeof expected === "string" ? `is rejected as ${expected}` : `makes ${expected.type}`;
      it(`on ${status} customer ${name}`, () => {
        const outcome = given(...past).when(command);
        typeof expected === "string" ? outcome.thenRejected(expected) : outcome.then(expected);
      });
    }
  });
}
