import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type CommandOf, type EventOf, specification } from "annals/testing";
import fc from "fast-check";
import order from "./mod.ts";

type Event = EventOf<typeof order>;

const [FIRST, SECOND, THIRD] = ["2026-11-21T10:00:00.000Z", "2026-11-21T11:00:00.000Z", "2026-11-22T09:00:00.000Z"];
const customer_id = "0199e5c0-0000-7000-8000-00000000000c";
const items = [{ product_id: "0199e5c0-0000-7000-8000-00000000000a", quantity: 2 }];
const { given } = specification(order, { now: FIRST });

const created = { type: "OrderCreated", customer_id, items } as const;
const confirmed = { event: { type: "OrderConfirmed", confirmed_at: SECOND }, at: SECOND } as const;
const shipment = { tracking_number: "1Z999", carrier: "UPS" };
const shipped = { event: { type: "OrderShipped", ...shipment, shipped_at: THIRD }, at: THIRD } as const;
const base = { customer_id, items, created_at: FIRST };

describe("The order shown", () => {
  it("once created has neither tracking nor reason", () =>
    given(created).thenShows({ ...base, status: "Created", updated_at: FIRST }));
  it("has the items as they were changed last", () => {
    const items = [{ product_id: customer_id, quantity: 7 }];
    given(created, { event: { type: "OrderItemsUpdated", items, reason: "more" }, at: SECOND })
      .thenShows({ ...base, items, status: "Created", updated_at: SECOND });
  });
  it("once confirmed has the moment of its last event", () =>
    given(created, confirmed).thenShows({ ...base, status: "Confirmed", updated_at: SECOND }));
  it("once shipped has tracking number and carrier", () =>
    given(created, confirmed, shipped).thenShows({ ...base, ...shipment, status: "Shipped", updated_at: THIRD }));
  it("once delivered keeps tracking number and carrier", () =>
    given(created, confirmed, shipped, { event: { type: "OrderDelivered", delivered_at: THIRD }, at: THIRD })
      .thenShows({ ...base, ...shipment, status: "Delivered", updated_at: THIRD }));
  it("once cancelled has the reason", () =>
    given(created, { event: { type: "OrderCancelled", reason: "too late", cancelled_by: "Alice" }, at: SECOND })
      .thenShows({ ...base, status: "Cancelled", cancelled_reason: "too late", updated_at: SECOND }));
  it("once cancelled without a reason has none", () =>
    given(created, confirmed, { event: { type: "OrderCancelled" }, at: THIRD })
      .thenShows({ ...base, status: "Cancelled", updated_at: THIRD }));
  it("once cancelled after shipping keeps tracking number and carrier", () =>
    given(created, confirmed, shipped, { event: { type: "OrderCancelled", reason: "lost" }, at: THIRD })
      .thenShows({ ...base, ...shipment, status: "Cancelled", cancelled_reason: "lost", updated_at: THIRD }));
});

const commands: readonly CommandOf<typeof order>[] = [
  { type: "CreateOrder", customer_id, items },
  { type: "UpdateItems", items: [{ product_id: customer_id, quantity: 3 }] },
  { type: "ConfirmOrder" },
  { type: "ShipOrder", ...shipment },
  { type: "DeliverOrder" },
  { type: "CancelOrder" },
  { type: "CancelUnconfirmedOrder", reason: "not paid" },
];

describe("An order", () => {
  const ranks = ["Missing", "Created", "Confirmed", "Shipped", "Delivered", "Cancelled"];

  it("moves only forward, one status at a time, and never leaves Delivered or Cancelled", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...commands), { maxLength: 30 }), (commands) => {
      const events: Event[] = [];
      for (const command of commands) {
        const before = given(...events);
        const { decision } = before.when(command);
        if ("rejected" in decision) continue;
        events.push(...decision);
        const [from, to] = [before.state.status, given(...events).state.status];
        if (from === "Delivered" || from === "Cancelled") assertEquals(decision, []);
        if (from !== to) assert(to === "Cancelled" || ranks.indexOf(to) === ranks.indexOf(from) + 1, `${from}-${to}`);
      }
    }));
  });
});
