import { z } from "zod";
import { address, paymentMethod, tier, uuid } from "./state.ts";

const text = z.string().max(500);
/** Digits with the marks people put between them. The first class has no digit, so that matching takes linear time. */
const phone = text.regex(/^[ +()-]*[0-9][0-9 +()-]*$/, "Expected digits, spaces and +-()");

const address_id = "0193b5a0-7c1e-7000-8000-000000000010";
const payment_method_id = "0193b5a0-7c1e-7000-8000-000000000011";
const harbour = { street: "1 Harbour Road", city: "Hamburg", state: "HH", postal_code: "20457", country: "DE" };

const profile = {
  RegisterCustomer: z.strictObject({
    email: text,
    first_name: text,
    last_name: text,
    phone: phone.exactOptional(),
  }).meta({
    description: "Registers a customer, of the lowest tier",
    examples: [{ email: "alice@example.com", first_name: "Alice", last_name: "Miller", phone: "+49 40 123456" }],
  }),
  UpdateProfile: z.strictObject({
    first_name: text.exactOptional(),
    last_name: text.exactOptional(),
    phone: phone.exactOptional(),
  }).meta({
    description: "Changes the fields that are given",
    examples: [{ last_name: "Miller-Smith" }],
  }),
  ChangeEmail: z.strictObject({ new_email: text }).meta({
    description: "Changes the email address",
    examples: [{ new_email: "alice.miller@example.com" }],
  }),
  ChangePhone: z.strictObject({ new_phone: phone }).meta({
    description: "Changes the phone number",
    examples: [{ new_phone: "+49 40 654321" }],
  }),
};

const belongings = {
  AddAddress: z.strictObject({ address_id: uuid, address, set_as_default: z.boolean() }).meta({
    description: "Adds an address; the first one is the default",
    examples: [{ address_id, address: harbour, set_as_default: true }],
  }),
  UpdateAddress: z.strictObject({ address_id: uuid, address }).meta({
    description: "Replaces an address",
    examples: [{ address_id, address: { ...harbour, street: "2 Harbour Road" } }],
  }),
  RemoveAddress: z.strictObject({ address_id: uuid }).meta({
    description: "Removes an address; the oldest one left takes over as the default",
    examples: [{ address_id }],
  }),
  AddPaymentMethod: paymentMethod.meta({
    description: "Adds a way to pay; the first one is the default",
    examples: [{ payment_method_id, method_type: "CreditCard", last_four: "4242", is_default: true }],
  }),
  RemovePaymentMethod: z.strictObject({ payment_method_id: uuid }).meta({
    description: "Removes a way to pay; the default one last",
    examples: [{ payment_method_id }],
  }),
};

const standing = {
  UpgradeTier: z.strictObject({ new_tier: tier }).meta({
    description: "Moves the customer up",
    examples: [{ new_tier: "Gold" }],
  }),
  SuspendCustomer: z.strictObject({ reason: text }).meta({
    description: "Lets nothing be changed until the customer is reactivated",
    examples: [{ reason: "Payment overdue" }],
  }),
  ReactivateCustomer: z.strictObject({ notes: text.exactOptional() }).meta({
    description: "Ends a suspension",
    examples: [{ notes: "Paid" }],
  }),
  DeactivateCustomer: z.strictObject({ reason: text }).meta({
    description: "Ends the relation for good",
    examples: [{ reason: "Asked to be removed" }],
  }),
};

export const commands = { ...profile, ...belongings, ...standing };
