import { z } from "zod";
import { item, uuid } from "./state.ts";

const text = z.string().max(500);
/** Any number: which quantities an order takes is the decider's to say. */
const items = z.array(item.extend({ quantity: z.number() })).max(1000);
const product_id = "0193b5a0-7c1e-7000-8000-000000000003";

export const commands = {
  CreateOrder: z.strictObject({ customer_id: uuid, items }).meta({
    description: "Places an order of at least one item",
    examples: [{ customer_id: "0193b5a0-7c1e-7000-8000-000000000002", items: [{ product_id, quantity: 2 }] }],
  }),
  UpdateItems: z.strictObject({ items, reason: text.exactOptional() }).meta({
    description: "Replaces the items, until the order is confirmed",
    examples: [{ items: [{ product_id, quantity: 3 }], reason: "One more for a friend" }],
  }),
  ConfirmOrder: z.strictObject({}).meta({
    description: "Confirms the order: its items stay as they are",
    examples: [{}],
  }),
  ShipOrder: z.strictObject({ tracking_number: text, carrier: text }).meta({
    description: "Hands a confirmed order to a carrier",
    examples: [{ tracking_number: "TRACK-1", carrier: "DHL" }],
  }),
  DeliverOrder: z.strictObject({ signature: text.exactOptional() }).meta({
    description: "Ends a shipped order",
    examples: [{ signature: "A. Miller" }],
  }),
  CancelOrder: z.strictObject({ reason: text.exactOptional(), cancelled_by: text.exactOptional() }).meta({
    description: "Cancels an order that was not delivered",
    examples: [{ reason: "Changed my mind", cancelled_by: "customer" }],
  }),
  CancelUnconfirmedOrder: z.strictObject({ reason: text }).meta({
    description: "For processes: cancels an order nobody confirmed, and leaves any other as it is",
    examples: [{ reason: "Not confirmed in time" }],
  }),
};
