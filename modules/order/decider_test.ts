import { describe, it } from "@std/testing/bdd";
import { type CommandOf, type EventOf, specification } from "annals/testing";
import order from "./mod.ts";

type Command = CommandOf<typeof order>;
type Event = EventOf<typeof order>;

const NOW = "2026-11-21T10:00:00.000Z";
const CUSTOMER = "0199e5c0-0000-7000-8000-00000000000c";
const items = [{ product_id: "0199e5c0-0000-7000-8000-00000000000a", quantity: 2 }];
const otherItems = [{ product_id: "0199e5c0-0000-7000-8000-00000000000b", quantity: 1 }, ...items];
const specified = specification(order, { now: NOW });

const create = { type: "CreateOrder", customer_id: CUSTOMER, items } as const;
const ship = { type: "ShipOrder", tracking_number: "1Z999", carrier: "UPS" } as const;
const created = { type: "OrderCreated", customer_id: CUSTOMER, items } as const;
const confirmed = { type: "OrderConfirmed", confirmed_at: NOW } as const;
const shipped = { type: "OrderShipped", tracking_number: "1Z999", carrier: "UPS", shipped_at: NOW } as const;
const delivered = { type: "OrderDelivered", delivered_at: NOW } as const;
const cancelled = { type: "OrderCancelled" } as const;

const pasts: Record<string, readonly Event[]> = {
  missing: [],
  created: [created],
  confirmed: [created, confirmed],
  shipped: [created, confirmed, shipped],
  delivered: [created, confirmed, shipped, delivered],
  cancelled: [created, cancelled],
  "cancelled after shipping": [created, confirmed, shipped, cancelled],
};
type Expected = Event | "nothing" | Parameters<ReturnType<typeof specified.when>["thenRejected"]>[0];

/** What each command does to an order of each status, in the order of `pasts`. */
const table: readonly (readonly [Command, readonly Expected[]])[] = [
  [create, [
    created,
    ...Array<"already_exists">(6).fill("already_exists"),
  ]],
  [{ type: "UpdateItems", items: otherItems }, [
    "not_initialized",
    { type: "OrderItemsUpdated", items: otherItems },
    ...Array<"invalid_status_transition">(5).fill("invalid_status_transition"),
  ]],
  [{ type: "ConfirmOrder" }, [
    "not_initialized",
    confirmed,
    "already_confirmed",
    ...Array<"invalid_status_transition">(4).fill("invalid_status_transition"),
  ]],
  [ship, [
    "not_initialized",
    "not_confirmed",
    shipped,
    ...Array<"invalid_status_transition">(4).fill("invalid_status_transition"),
  ]],
  [{ type: "DeliverOrder", signature: "A. Smith" }, [
    "not_initialized",
    "not_shipped",
    "not_shipped",
    { ...delivered, signature: "A. Smith" },
    ...Array<"invalid_status_transition">(3).fill("invalid_status_transition"),
  ]],
  [{ type: "CancelOrder", reason: "too late", cancelled_by: "Alice" }, [
    "not_initialized",
    ...Array<Event>(3).fill({ ...cancelled, reason: "too late", cancelled_by: "Alice" }),
    "invalid_status_transition",
    "already_cancelled",
    "already_cancelled",
  ]],
  [{ type: "CancelUnconfirmedOrder", reason: "not paid" }, [
    "not_initialized",
    { ...cancelled, reason: "not paid" },
    ...Array<"nothing">(5).fill("nothing"),
  ]],
];

for (const [command, row] of table) {
  describe(command.type, () => {
    for (const [at, [status, past]] of Object.entries(pasts).entries()) {
      const expected = row[at];
      if (expected === undefined) throw new Error(`${command.type} says nothing of a ${status} order`);
      const outcome = () => specified.given(...past).when(command);
      if (expected === "nothing") it(`on a ${status} order makes no event`, () => outcome().thenNothing());
      else if (typeof expected === "string") {
        it(`on a ${status} order is rejected as ${expected}`, () => outcome().thenRejected(expected));
      } else it(`on a ${status} order makes ${expected.type}`, () => outcome().then(expected));
    }
  });
}

describe("The items of CreateOrder and UpdateItems", () => {
  const sent = (items: typeof create.items) => [
    specified.when({ ...create, items }),
    specified.given(created).when({ type: "UpdateItems", items }),
  ];
  const of = (quantity: number) => [...otherItems, { product_id: CUSTOMER, quantity }];

  it("when there are none are rejected as empty_items", () => {
    for (const outcome of sent([])) outcome.thenRejected("empty_items");
  });
  for (const quantity of [0, -1, 1.5, 1e300, 2 ** 53]) {
    it(`with a quantity of ${quantity} are rejected as invalid_quantity`, () => {
      for (const outcome of sent(of(quantity))) outcome.thenRejected("invalid_quantity");
    });
  }
  it("may have the largest safe integer as quantity", () => {
    const items = of(Number.MAX_SAFE_INTEGER);
    specified.when({ ...create, items }).then({ ...created, items });
  });
  it("are at most 1,000", () => {
    const many = (count: number) => Array.from({ length: count }, () => ({ product_id: CUSTOMER, quantity: 1 }));
    specified.when({ ...create, items: many(1000) }).then({ ...created, items: many(1000) });
    for (const outcome of sent(many(1001))) outcome.thenInvalid("/items");
  });
});

describe("The order of checks", () => {
  it("is existence before values", () => {
    specified.when({ type: "UpdateItems", items: [] }).thenRejected("not_initialized");
    specified.given(created).when({ ...create, items: [] }).thenRejected("already_exists");
  });
  it("is status before values", () =>
    specified.given(created, confirmed).when({ type: "UpdateItems", items: [] })
      .thenRejected("invalid_status_transition"));
});

describe("UpdateItems on a created order", () => {
  const update = { type: "UpdateItems", items: otherItems, reason: "one more" } as const;
  it("keeps its reason", () =>
    specified.given(created).when(update).then({ type: "OrderItemsUpdated", items: otherItems, reason: "one more" }));
  it("sent again makes no event", () =>
    specified.given(created, { type: "OrderItemsUpdated", items: otherItems }).when(update).thenNothing());
  const past = specified.given(created, { type: "OrderItemsUpdated", items: otherItems });
  const variants = {
    "fewer items": otherItems.slice(1),
    "more items": [...otherItems, ...items],
    "another quantity": otherItems.map((item) => ({ ...item, quantity: item.quantity + 1 })),
    "another product": otherItems.map((item) => ({ ...item, product_id: CUSTOMER })),
    "another order of the same items": otherItems.toReversed(),
  };
  for (const [name, items] of Object.entries(variants)) {
    it(`with ${name} makes an event`, () =>
      past.when({ type: "UpdateItems", items }).then({ type: "OrderItemsUpdated", items }));
  }
});

describe("The commands' schemas", () => {
  const lower = "aaaaaaaa-aaaa-7aaa-aaaa-aaaaaaaaaaaa";
  it("refuse an id that is no lower-case UUID", () => {
    const oneUpper = [0, 9, 14, 19, 35].map((at) => `${lower.slice(0, at)}A${lower.slice(at + 1)}`);
    for (const id of [...oneUpper, "c", "", `${CUSTOMER}\n`, `urn:uuid:${CUSTOMER}`, CUSTOMER.replaceAll("-", "")]) {
      specified.when({ ...create, customer_id: id }).thenInvalid("/customer_id");
      specified.when({ ...create, items: [{ product_id: id, quantity: 1 }] }).thenInvalid("/items/0/product_id");
    }
  });
  it("refuse more than 500 characters", () => {
    const long = "a".repeat(501);
    specified.when({ ...ship, carrier: long, tracking_number: long }).thenInvalid("/carrier", "/tracking_number");
    specified.when({ type: "CancelOrder", reason: long, cancelled_by: long }).thenInvalid("/reason", "/cancelled_by");
    specified.when({ type: "CancelUnconfirmedOrder", reason: long }).thenInvalid("/reason");
    specified.when({ type: "DeliverOrder", signature: long }).thenInvalid("/signature");
    specified.when({ type: "UpdateItems", items, reason: long }).thenInvalid("/reason");
  });
  it("refuse fields nobody declared, at every level", () => {
    const command = { ...create, status: "Confirmed" };
    specified.when(command).thenInvalid("");
    const nested = { ...create, items: items.map((item) => ({ ...item, price: 1 })) };
    specified.when(nested).thenInvalid("/items/0");
  });
});
