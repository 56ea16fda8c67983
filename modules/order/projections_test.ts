import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { specification } from "annals/testing";
import order from "./mod.ts";
import { orderActivityByDay, orderReadModel } from "./projections.ts";

const [FIRST, SECOND, THIRD] = ["2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00.000Z", "2026-11-22T09:00:00.000Z"];
const customer_id = "0199e5c0-0000-7000-8000-00000000000c";
const product_id = "0199e5c0-0000-7000-8000-00000000000a";
const ID = "0199e5c0-0000-7000-8000-000000000001";
const OTHER = "0199e5c0-0000-7000-8000-000000000002";
const specified = specification(order, { id: ID, now: FIRST });

const items = [{ product_id, quantity: 2 }, { product_id: customer_id, quantity: 3 }];
const created = { type: "OrderCreated", customer_id, items } as const;
const confirmed = { event: { type: "OrderConfirmed", confirmed_at: SECOND }, at: SECOND } as const;
const shipment = { tracking_number: "1Z999", carrier: "UPS" };
const shipped = { event: { type: "OrderShipped", ...shipment, shipped_at: THIRD }, at: THIRD } as const;
const delivered = { event: { type: "OrderDelivered", delivered_at: THIRD }, at: THIRD } as const;
const cancelled = { event: { type: "OrderCancelled" }, at: THIRD } as const;

describe("order_read_model", () => {
  const { given } = specified.project(orderReadModel);
  const base = { customer_id, item_count: 2, total_quantity: 5, created_at: FIRST };
  const unshipped = { tracking_number: null, carrier: null };

  it("shows a created order with its counts and without tracking", () =>
    given(created).then(ID, { ...base, ...unshipped, status: "Created", updated_at: FIRST }));
  it("counts changed items anew", () =>
    given(created, {
      event: { type: "OrderItemsUpdated", items: [{ product_id, quantity: 10 }] },
      at: SECOND,
    }).then(ID, {
      ...base,
      ...unshipped,
      item_count: 1,
      total_quantity: 10,
      status: "Created",
      updated_at: SECOND,
    }));
  it("shows a confirmed order", () =>
    given(created, confirmed).then(ID, { ...base, ...unshipped, status: "Confirmed", updated_at: SECOND }));
  it("shows a shipped order with its tracking", () =>
    given(created, confirmed, shipped).then(ID, { ...base, ...shipment, status: "Shipped", updated_at: THIRD }));
  it("shows a delivered order with its tracking", () =>
    given(created, confirmed, shipped, delivered)
      .then(ID, { ...base, ...shipment, status: "Delivered", updated_at: THIRD }));
  it("shows a cancelled order", () =>
    given(created, cancelled).then(ID, { ...base, ...unshipped, status: "Cancelled", updated_at: THIRD }));
  it("takes quantities whose sum is no safe integer", () => {
    const quantity = Number.MAX_SAFE_INTEGER;
    given({ ...created, items: [{ product_id, quantity }, { product_id, quantity }] })
      .then(ID, { ...base, ...unshipped, total_quantity: 2 * quantity, status: "Created", updated_at: FIRST });
  });
  it("keeps orders apart", () => {
    const documents = given(created, { event: created, id: OTHER, at: SECOND }, cancelled);
    documents.then(ID, { ...base, ...unshipped, status: "Cancelled", updated_at: THIRD });
    documents.then(OTHER, { ...base, ...unshipped, status: "Created", created_at: SECOND, updated_at: SECOND });
  });
  it("is found by customer and by status, newest first", () =>
    assertEquals(orderReadModel.indexes, {
      orders_by_customer: { by: "customer_id", newestFirstBy: "created_at" },
      orders_by_status: { by: "status", newestFirstBy: "created_at" },
    }));
});

describe("order_activity_by_day", () => {
  const { given } = specified.project(orderActivityByDay);
  const quiet = { created: 0, confirmed: 0, shipped: 0, delivered: 0, cancelled: 0 };

  it("counts what happened to many orders on the UTC day of each event", () => {
    const days = given(
      created,
      { event: created, id: OTHER },
      confirmed,
      { ...cancelled, id: OTHER },
      shipped,
      delivered,
    );
    days.then("2026-11-21", { ...quiet, created: 2 });
    days.then("2026-11-22", { ...quiet, confirmed: 1, shipped: 1, delivered: 1, cancelled: 1 });
    assertEquals(days.keys, ["2026-11-21", "2026-11-22"]);
  });
  it("does not count changed items", () =>
    given(created, { event: { type: "OrderItemsUpdated", items }, at: THIRD }).then("2026-11-22", undefined));
});
