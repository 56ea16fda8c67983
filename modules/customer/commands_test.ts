import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { specification } from "annals/testing";
import customer from "./mod.ts";
import { isEmail } from "./state.ts";

const ID = "0199e5c0-0000-7000-8000-0000000000a1";
const address = { street: "", city: "", state: "", postal_code: "", country: "" };
const { given, when } = specification(customer);
const names = { first_name: "Alice", last_name: "Smith" };
const active = given({ type: "CustomerRegistered", email: "a@b.co", ...names });
const card = { type: "AddPaymentMethod", payment_method_id: ID, method_type: "DebitCard", is_default: true } as const;

describe("A phone", () => {
  for (const new_phone of ["5", "+15550100000", "+49 (0)30 1234-567", "(555) 010-0000"]) {
    it(`may be ${new_phone}`, () =>
      active.when({ type: "ChangePhone", new_phone })
        .then({ type: "CustomerPhoneChanged", old_phone: null, new_phone }));
  }
  for (const phone of ["", " ", "+-()", "call me", "555x", "٥٥٥", "555\n", "5".repeat(501)]) {
    it(`may not be ${Deno.inspect(phone).slice(0, 20)}`, () => {
      active.when({ type: "ChangePhone", new_phone: phone }).thenInvalid("/new_phone");
      active.when({ type: "UpdateProfile", phone }).thenInvalid("/phone");
      when({ type: "RegisterCustomer", email: "a@b.co", ...names, phone }).thenInvalid("/phone");
    });
  }
});

describe("The last four digits of a payment method", () => {
  it("are four digits", () =>
    active.when({ ...card, last_four: "0042" }).then({
      type: "CustomerPaymentMethodAdded",
      payment_method_id: ID,
      method_type: "DebitCard",
      last_four: "0042",
      is_default: true,
    }));
  for (const last_four of ["", "123", "12345", "12a4", "1234\n", "١٢٣٤"]) {
    it(`may not be ${Deno.inspect(last_four)}`, () => active.when({ ...card, last_four }).thenInvalid("/last_four"));
  }
});

describe("The commands' schemas", () => {
  it("refuse ids that are no lower-case UUID", () => {
    for (const id of [ID.toUpperCase(), "a1", `${ID} `]) {
      active.when({ type: "AddAddress", address_id: id, address, set_as_default: true }).thenInvalid("/address_id");
      active.when({ type: "UpdateAddress", address_id: id, address }).thenInvalid("/address_id");
      active.when({ type: "RemoveAddress", address_id: id }).thenInvalid("/address_id");
      active.when({ ...card, payment_method_id: id, last_four: "0042" }).thenInvalid("/payment_method_id");
      active.when({ type: "RemovePaymentMethod", payment_method_id: id }).thenInvalid("/payment_method_id");
    }
  });
  it("refuse fields nobody declared, at every level", () => {
    const command = { type: "UpdateAddress", address_id: ID, address: { ...address, planet: "Earth" } } as const;
    active.when(command).thenInvalid("/address");
    const changed = { type: "SuspendCustomer", reason: "fraud", tier: "Gold" } as const;
    active.when(changed).thenInvalid("");
  });
  it("refuse more than 500 characters", () => {
    const long = "a".repeat(501);
    when({ type: "RegisterCustomer", email: long, first_name: long, last_name: long })
      .thenInvalid("/email", "/first_name", "/last_name");
    active.when({ type: "UpdateAddress", address_id: ID, address: { ...address, city: long } })
      .thenInvalid("/address/city");
    active.when({ type: "SuspendCustomer", reason: long }).thenInvalid("/reason");
  });
});

describe("An email address", () => {
  const good = ["a@b.co", "a@b.c", "first.last+tag@sub.example.com", "o'neil@example.org", "1@2.de", "üser@münchen.de"];
  for (const email of good) {
    it(`is ${email}`, () => assertEquals(isEmail(email), true));
  }
  const bad = ["x", "@", "a@", "@b.co", "a@b", "a@b@c.de", "a b@c.de", "a@b..de", ".a@b.de", "a.@b.de", "a@-b.de"];
  for (const email of [...bad, "a@b-.de", "a@b.de ", "a@b.de\n", "<a@b.de>", "a@b.de.", `${"a".repeat(65)}@b.de`]) {
    it(`is not ${Deno.inspect(email).slice(0, 30)}`, () => assertEquals(isEmail(email), false));
  }
  it("and a phone are told in linear time: in quadratic time these would take hours", () => {
    for (const each of ["a", ".", "-", "@", "1", " ", "a.", "a@", "1("]) {
      const hostile = `${each.repeat(1_000_000)}!`;
      for (const email of [hostile, `a@${hostile}`, `a@b.${hostile}`]) assertEquals(isEmail(email), false);
      active.when({ type: "ChangePhone", new_phone: hostile }).thenInvalid("/new_phone");
    }
  });
});
