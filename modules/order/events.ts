import { z } from "zod";
import { items, uuid } from "./state.ts";

const text = z.string();
const moment = z.iso.datetime();

export const events = {
  OrderCreated: z.strictObject({ customer_id: uuid, items }),
  OrderItemsUpdated: z.strictObject({ items, reason: text.exactOptional() }),
  OrderConfirmed: z.strictObject({ confirmed_at: moment }),
  OrderShipped: z.strictObject({ tracking_number: text, carrier: text, shipped_at: moment }),
  OrderDelivered: z.strictObject({ delivered_at: moment, signature: text.exactOptional() }),
  OrderCancelled: z.strictObject({ reason: text.exactOptional(), cancelled_by: text.exactOptional() }),
};
