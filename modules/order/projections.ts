import { defineProjection } from "annals";
import { z } from "zod";
import { events } from "./events.ts";
import { type Item, uuid } from "./state.ts";

const order = z.strictObject({
  customer_id: uuid,
  status: z.enum(["Created", "Confirmed", "Shipped", "Delivered", "Cancelled"]),
  item_count: z.int(),
  /** A sum of many large quantities may pass what an integer holds exactly. */
  total_quantity: z.number(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  tracking_number: z.string().nullable(),
  carrier: z.string().nullable(),
});
type Order = z.output<typeof order>;

export const orderReadModel = defineProjection({
  name: "order_read_model",
  version: 1,
  events,
  document: order,
  on: {
    OrderCreated: (_, { customer_id, items }, { timestamp }): Order => ({
      customer_id,
      status: "Created",
      ...counts(items),
      created_at: timestamp,
      updated_at: timestamp,
      tracking_number: null,
      carrier: null,
    }),
    OrderItemsUpdated: (document, { items }, { timestamp }) => changed(document, timestamp, counts(items)),
    OrderConfirmed: (document, _, { timestamp }) => changed(document, timestamp, { status: "Confirmed" }),
    OrderShipped: (document, { tracking_number, carrier }, { timestamp }) =>
      changed(document, timestamp, { status: "Shipped", tracking_number, carrier }),
    OrderDelivered: (document, _, { timestamp }) => changed(document, timestamp, { status: "Delivered" }),
    OrderCancelled: (document, _, { timestamp }) => changed(document, timestamp, { status: "Cancelled" }),
  },
  indexes: {
    orders_by_customer: { by: "customer_id", newestFirstBy: "created_at" },
    orders_by_status: { by: "status", newestFirstBy: "created_at" },
  },
});

const activity = z.strictObject({
  created: z.int(),
  confirmed: z.int(),
  shipped: z.int(),
  delivered: z.int(),
  cancelled: z.int(),
});
type Activity = z.output<typeof activity>;

export const orderActivityByDay = defineProjection({
  name: "order_activity_by_day",
  version: 1,
  events,
  document: activity,
  /** The UTC day: an ISO moment's first ten characters. */
  key: (_, { timestamp }) => timestamp.slice(0, 10),
  on: {
    OrderCreated: (day) => counted(day, "created"),
    OrderConfirmed: (day) => counted(day, "confirmed"),
    OrderShipped: (day) => counted(day, "shipped"),
    OrderDelivered: (day) => counted(day, "delivered"),
    OrderCancelled: (day) => counted(day, "cancelled"),
  },
});

function counts(items: readonly Item[]): Pick<Order, "item_count" | "total_quantity"> {
  return { item_count: items.length, total_quantity: items.reduce((sum, { quantity }) => sum + quantity, 0) };
}

function changed(document: Order | undefined, updated_at: string, change: Partial<Order>): Order | undefined {
  return document === undefined ? undefined : { ...document, ...change, updated_at };
}

const QUIET_DAY: Activity = { created: 0, confirmed: 0, shipped: 0, delivered: 0, cancelled: 0 };

function counted(day: Activity = QUIET_DAY, what: keyof Activity): Activity {
  return { ...day, [what]: day[what] + 1 };
}
