import { z } from "zod";

/** A canonical UUID: lower case only, so that one thing has one spelling. */
export const uuid = z.string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "Expected a lower-case UUID")
  .meta({ format: "uuid" });

export const item = z.strictObject({ product_id: uuid, quantity: z.int().positive() });
export const items = z.array(item).max(1000);

const placed = { customer_id: uuid, items, created_at: z.iso.datetime(), updated_at: z.iso.datetime() };
const shipment = { tracking_number: z.string(), carrier: z.string() };

export const state = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("Missing") }),
  z.strictObject({ status: z.literal("Created"), ...placed }),
  z.strictObject({ status: z.literal("Confirmed"), ...placed }),
  z.strictObject({ status: z.literal("Shipped"), ...placed, ...shipment }),
  z.strictObject({ status: z.literal("Delivered"), ...placed, ...shipment }),
  z.strictObject({
    status: z.literal("Cancelled"),
    ...placed,
    tracking_number: shipment.tracking_number.exactOptional(),
    carrier: shipment.carrier.exactOptional(),
    cancelled_reason: z.string().exactOptional(),
  }),
]);

export type Item = z.output<typeof item>;
export type State = z.output<typeof state>;
