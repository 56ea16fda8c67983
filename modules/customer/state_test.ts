import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type CommandOf, type EventOf, specification } from "annals/testing";
import fc from "fast-check";
import customer from "./mod.ts";

const [FIRST, SECOND] = ["2026-11-21T10:00:00.000Z", "2026-11-21T11:00:00.000Z"];
const [HOME, WORK, CABIN] = ["a1", "a2", "a3"].map((end) => `0199e5c0-0000-7000-8000-0000000000${end}`) as [
  string,
  string,
  string,
];
const address = { street: "1 Main St", city: "Springfield", state: "IL", postal_code: "62701", country: "US" };
const { given } = specification(customer, { now: FIRST });

const names = { email: "Alice@example.com", first_name: "Alice", last_name: "Smith" };
const registered = { type: "CustomerRegistered", ...names } as const;
const base = {
  ...names,
  phone: null,
  status: "Active",
  tier: "Bronze",
  addresses: [],
  payment_methods: [],
  registered_at: FIRST,
  updated_at: FIRST,
};
const added = (address_id: string, is_default: boolean) =>
  ({ type: "CustomerAddressAdded", address_id, address, is_default }) as const;
const shown = (address_id: string, is_default: boolean) => ({ address_id, address, is_default });
const card = (payment_method_id: string, is_default: boolean) =>
  ({ payment_method_id, method_type: "CreditCard", last_four: "4242", is_default }) as const;
const method = (id: string, is_default: boolean) =>
  ({ type: "CustomerPaymentMethodAdded", ...card(id, is_default) }) as const;

describe("The customer shown", () => {
  it("once registered is active, Bronze and has no phone", () => given(registered).thenShows(base));
  it("has the phone it registered with", () => given({ ...registered, phone: "5" }).thenShows({ ...base, phone: "5" }));

  const changes: readonly (readonly [EventOf<typeof customer>, object])[] = [
    [{ type: "CustomerProfileUpdated", first_name: "Al" }, { first_name: "Al" }],
    [{ type: "CustomerProfileUpdated", last_name: "Jones", phone: "5" }, { last_name: "Jones", phone: "5" }],
    [{ type: "CustomerEmailChanged", old_email: names.email, new_email: "a@b.co" }, { email: "a@b.co" }],
    [{ type: "CustomerPhoneChanged", old_phone: null, new_phone: "5" }, { phone: "5" }],
    [added(HOME, true), { addresses: [shown(HOME, true)] }],
    [method(HOME, true), { payment_methods: [card(HOME, true)] }],
    [{ type: "CustomerTierUpgraded", old_tier: "Bronze", new_tier: "Gold" }, { tier: "Gold" }],
    [{ type: "CustomerSuspended", reason: "fraud" }, { status: "Suspended" }],
    [{ type: "CustomerDeactivated", reason: "asked" }, { status: "Deactivated" }],
  ];
  for (const [event, change] of changes) {
    it(`after ${event.type} has ${Object.keys(change).join(" and ")} changed`, () =>
      given(registered, { event, at: SECOND }).thenShows({ ...base, ...change, updated_at: SECOND }));
  }
  it("once reactivated is active", () =>
    given(registered, { type: "CustomerSuspended", reason: "fraud" }, { type: "CustomerReactivated" })
      .thenShows(base));
  it("has an address as it was updated, default or not", () => {
    const elsewhere = { ...address, street: "2 Side St" };
    given(registered, added(HOME, true), { type: "CustomerAddressUpdated", address_id: HOME, address: elsewhere })
      .thenShows({ ...base, addresses: [{ ...shown(HOME, true), address: elsewhere }] });
  });
  it("has the default where it was set last", () => {
    given(registered, added(HOME, true), added(WORK, false), added(CABIN, true))
      .thenShows({ ...base, addresses: [shown(HOME, false), shown(WORK, false), shown(CABIN, true)] });
    given(registered, method(HOME, true), method(WORK, true))
      .thenShows({ ...base, payment_methods: [card(HOME, false), card(WORK, true)] });
  });
  it("has the oldest remaining address as default when the default is removed", () =>
    given(
      registered,
      added(HOME, true),
      added(WORK, false),
      added(CABIN, true),
      { type: "CustomerAddressRemoved", address_id: CABIN },
    ).thenShows({ ...base, addresses: [shown(HOME, true), shown(WORK, false)] }));
  it("keeps its default address when another is removed", () =>
    given(registered, added(HOME, true), added(WORK, true), { type: "CustomerAddressRemoved", address_id: HOME })
      .thenShows({ ...base, addresses: [shown(WORK, true)] }));
  it("has no payment method once the last is removed", () =>
    given(registered, method(HOME, true), { type: "CustomerPaymentMethodRemoved", payment_method_id: HOME })
      .thenShows(base));
});

const id = fc.constantFrom(HOME, WORK, CABIN);
const command: fc.Arbitrary<CommandOf<typeof customer>> = fc.oneof(
  fc.record({
    type: fc.constant("AddAddress"),
    address_id: id,
    address: fc.constant(address),
    set_as_default: fc.boolean(),
  }),
  fc.record({ type: fc.constant("RemoveAddress"), address_id: id }),
  fc.tuple(id, fc.boolean()).map(([id, isDefault]) => ({ ...card(id, isDefault), type: "AddPaymentMethod" as const })),
  fc.record({ type: fc.constant("RemovePaymentMethod"), payment_method_id: id }),
);

describe("A customer's addresses and payment methods", () => {
  it("have exactly one default each while there are any, and no id twice", () => {
    fc.assert(fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const events: EventOf<typeof customer>[] = [registered];
      for (const command of commands) {
        const { decision } = given(...events).when(command);
        if (!("rejected" in decision)) events.push(...decision);
      }
      const { state } = given(...events);
      if (state.status === "Missing") throw new Error("expected a registered customer");
      for (const list of [state.addresses, state.payment_methods]) {
        assertEquals(list.filter(({ is_default }) => is_default).length, Math.min(list.length, 1));
      }
      const ids = state.addresses.map(({ address_id }) => address_id);
      assertEquals(ids.length, new Set(ids).size);
    }));
  });
});
