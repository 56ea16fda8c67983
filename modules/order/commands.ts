import { z } from "zod";
import { item, uuid } from "./state.ts";

const text = z.string().max(500);
/** Any number: which quantities an order takes is the decider's to say. */
const items = z.array(item.extend({ quantity: z.number() })).max(1000);

export const commands = {
  CreateOrder: z.strictObject({ customer_id: uuid, items }),
  UpdateItems: z.strictObject({ items, reason: text.exactOptional() }),
  ConfirmOrder: z.strictObject({}),
  ShipOrder: z.strictObject({ tracking_number: text, carrier: text }),
  DeliverOrder: z.strictObject({ signature: text.exactOptional() }),
  CancelOrder: z.strictObject({ reason: text.exactOptional(), cancelled_by: text.exactOptional() }),
  /** For processes: cancels an order nobody confirmed, and leaves any other as it is. */
  CancelUnconfirmedOrder: z.strictObject({ reason: text }),
};
