import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type EventOf, specification } from "annals/testing";
import customer from "./mod.ts";
import { customerReadModel } from "./projections.ts";

const [FIRST, SECOND] = ["2026-11-21T10:00:00.000Z", "2026-11-21T11:00:00.000Z"];
const ID = "0199e5c0-0000-7000-8000-000000000001";
const OTHER = "0199e5c0-0000-7000-8000-000000000002";
const { given } = specification(customer, { id: ID, now: FIRST }).project(customerReadModel);

const address = { street: "1 Main St", city: "Springfield", state: "IL", postal_code: "62701", country: "US" };
const card = { payment_method_id: OTHER, method_type: "CreditCard", last_four: "4242", is_default: true } as const;
const names = { email: "Alice@Example.com", first_name: "Alice", last_name: "Smith" };
const registered = { type: "CustomerRegistered", ...names } as const;
const document = {
  ...names,
  phone: null,
  status: "Active",
  tier: "Bronze",
  address_count: 0,
  payment_method_count: 0,
  registered_at: FIRST,
  updated_at: FIRST,
} as const;

describe("customer_read_model", () => {
  it("shows a registered customer with the email as typed", () => given(registered).then(ID, document));
  it("shows the phone it registered with", () =>
    given({ ...registered, phone: "5" }).then(ID, { ...document, phone: "5" }));

  const changes: readonly (readonly [EventOf<typeof customer>, Partial<typeof document> | object])[] = [
    [{ type: "CustomerProfileUpdated", first_name: "Al" }, { first_name: "Al" }],
    [{ type: "CustomerProfileUpdated", last_name: "Jones", phone: "5" }, { last_name: "Jones", phone: "5" }],
    [{ type: "CustomerEmailChanged", old_email: names.email, new_email: "A@b.co" }, { email: "A@b.co" }],
    [{ type: "CustomerPhoneChanged", old_phone: null, new_phone: "5" }, { phone: "5" }],
    [{ type: "CustomerAddressAdded", address_id: OTHER, address, is_default: true }, { address_count: 1 }],
    [{ type: "CustomerAddressUpdated", address_id: OTHER, address }, {}],
    [{ type: "CustomerPaymentMethodAdded", ...card }, { payment_method_count: 1 }],
    [{ type: "CustomerTierUpgraded", old_tier: "Bronze", new_tier: "Gold" }, { tier: "Gold" }],
    [{ type: "CustomerSuspended", reason: "fraud" }, { status: "Suspended" }],
    [{ type: "CustomerDeactivated", reason: "asked" }, { status: "Deactivated" }],
  ];
  for (const [event, change] of changes) {
    it(`on ${event.type} changes ${Object.keys(change).join(", ") || "nothing"} and its moment`, () =>
      given(registered, { event, at: SECOND }).then(ID, { ...document, ...change, updated_at: SECOND }));
  }
  it("on CustomerReactivated is active again", () =>
    given(registered, { type: "CustomerSuspended", reason: "fraud" }, { type: "CustomerReactivated" })
      .then(ID, document));
  it("counts down what is removed", () =>
    given(
      registered,
      { type: "CustomerAddressAdded", address_id: OTHER, address, is_default: true },
      { type: "CustomerPaymentMethodAdded", ...card },
      { type: "CustomerAddressRemoved", address_id: OTHER },
      { type: "CustomerPaymentMethodRemoved", payment_method_id: OTHER },
    ).then(ID, document));
  it("keeps customers apart", () => {
    const documents = given(registered, { event: registered, id: OTHER, at: SECOND });
    documents.then(ID, document);
    documents.then(OTHER, { ...document, registered_at: SECOND, updated_at: SECOND });
  });
  it("is found by status, tier and email in any letter case, newest first", () =>
    assertEquals(customerReadModel.indexes, {
      customers_by_status: { by: "status", newestFirstBy: "registered_at" },
      customers_by_tier: { by: "tier", newestFirstBy: "registered_at" },
      customers_by_email: { by: "email", newestFirstBy: "registered_at", ignoreCase: true },
    }));
});
