import { z } from "zod";
import { address, paymentMethod, tier, uuid } from "./state.ts";

const text = z.string().max(500);
/** Digits with the marks people put between them. The first class has no digit, so that matching takes linear time. */
const phone = text.regex(/^[ +()-]*[0-9][0-9 +()-]*$/, "Expected digits, spaces and +-()");

export const commands = {
  RegisterCustomer: z.strictObject({ email: text, first_name: text, last_name: text, phone: phone.exactOptional() }),
  UpdateProfile: z.strictObject({
    first_name: text.exactOptional(),
    last_name: text.exactOptional(),
    phone: phone.exactOptional(),
  }),
  ChangeEmail: z.strictObject({ new_email: text }),
  ChangePhone: z.strictObject({ new_phone: phone }),
  AddAddress: z.strictObject({ address_id: uuid, address, set_as_default: z.boolean() }),
  UpdateAddress: z.strictObject({ address_id: uuid, address }),
  RemoveAddress: z.strictObject({ address_id: uuid }),
  AddPaymentMethod: paymentMethod,
  RemovePaymentMethod: z.strictObject({ payment_method_id: uuid }),
  UpgradeTier: z.strictObject({ new_tier: tier }),
  SuspendCustomer: z.strictObject({ reason: text }),
  ReactivateCustomer: z.strictObject({ notes: text.exactOptional() }),
  DeactivateCustomer: z.strictObject({ reason: text }),
};
