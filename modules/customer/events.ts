import { z } from "zod";
import { address, paymentMethod, tier, uuid } from "./state.ts";

const text = z.string();

export const events = {
  CustomerRegistered: z.strictObject({ email: text, first_name: text, last_name: text, phone: text.exactOptional() }),
  CustomerProfileUpdated: z.strictObject({
    first_name: text.exactOptional(),
    last_name: text.exactOptional(),
    phone: text.exactOptional(),
  }),
  CustomerEmailChanged: z.strictObject({ old_email: text, new_email: text }),
  CustomerPhoneChanged: z.strictObject({ old_phone: text.nullable(), new_phone: text }),
  CustomerAddressAdded: z.strictObject({ address_id: uuid, address, is_default: z.boolean() }),
  CustomerAddressUpdated: z.strictObject({ address_id: uuid, address }),
  CustomerAddressRemoved: z.strictObject({ address_id: uuid }),
  CustomerPaymentMethodAdded: paymentMethod,
  CustomerPaymentMethodRemoved: z.strictObject({ payment_method_id: uuid }),
  CustomerTierUpgraded: z.strictObject({ old_tier: tier, new_tier: tier }),
  CustomerSuspended: z.strictObject({ reason: text }),
  CustomerReactivated: z.strictObject({ notes: text.exactOptional() }),
  CustomerDeactivated: z.strictObject({ reason: text }),
};
