import { accepted, idOf, itemsOf, problem, requireEqual, said } from "./expected.ts";
import type { Answer, Teller } from "./teller.ts";

/** What the story made, for whoever wants to look at it afterwards. */
export type Told = { readonly orderId: string; readonly customerId: string; readonly accountId: string };

type Step = { readonly teller: Teller; readonly id: string };

const ITEMS = [
  { product_id: "6f1a3c55-4d0e-4a43-9d0a-2f0f0b8a1c11", quantity: 2 },
  { product_id: "0c8d0d4e-8f1b-4b7e-a2a5-7d7c9a1f2b22", quantity: 1 },
];

/** The whole story of the service, a line a step. Throws an `Error` that names a step gone wrong. */
export async function tell(teller: Teller): Promise<Told> {
  const customerId = await register(teller);
  const orderId = await order(teller, customerId);
  const delivered = await fulfil({ teller, id: orderId });
  await look({ teller, id: orderId }, { customerId, token: delivered.headers.get("consistency-token") ?? "" });
  await refuse({ teller, id: orderId });
  const accountId = `demo-${crypto.randomUUID().slice(0, 8)}`;
  await repeat({ teller, id: accountId });
  await race({ teller, id: accountId });
  return { orderId, customerId, accountId };
}

async function register(teller: Teller): Promise<string> {
  const body = { type: "RegisterCustomer", email: "ada@example.com", first_name: "Ada", last_name: "Lovelace" };
  const request = { method: "POST", path: "/customers", body } as const;
  return idOf(await teller.step("A customer registers", request, accepted(201, "CustomerRegistered", 1)));
}

async function order(teller: Teller, customer_id: string): Promise<string> {
  const body = { type: "CreateOrder", customer_id, items: ITEMS };
  const request = { method: "POST", path: "/orders", body } as const;
  return idOf(await teller.step("She orders", request, accepted(201, "OrderCreated", 1)));
}

async function fulfil({ teller, id }: Step): Promise<Answer> {
  const command = (
    body: Readonly<Record<string, unknown>>,
  ) => ({ method: "POST", path: `/orders/${id}`, body } as const);
  await teller.step("The order is confirmed", command({ type: "ConfirmOrder" }), accepted(200, "OrderConfirmed", 2));
  const shipping = { type: "ShipOrder", tracking_number: "TRACK-1", carrier: "Post" };
  await teller.step("It is shipped", command(shipping), accepted(200, "OrderShipped", 3));
  return await teller.step("It arrives", command({ type: "DeliverOrder" }), accepted(200, "OrderDelivered", 4));
}

async function look(
  { teller, id }: Step,
  { customerId, token }: { readonly customerId: string; readonly token: string },
): Promise<void> {
  const get = (path: string, headers = {}) => ({ method: "GET", path, headers } as const);
  const state = (status: string, version: number) =>
    said(({ body }) => {
      requireEqual([body.status, body.version], [status, version]);
      return `${status}, version ${version}`;
    });
  await teller.step("Its state", get(`/orders/${id}`), state("Delivered", 4));
  await teller.step(
    "Its history",
    get(`/orders/${id}/events`),
    said(({ body }) => {
      const types = itemsOf(body).map(({ event_type }) => event_type);
      requireEqual(types, ["OrderCreated", "OrderConfirmed", "OrderShipped", "OrderDelivered"]);
      return types.join(", ");
    }),
  );
  await teller.step("Its state as of version 2", get(`/orders/${id}?version=2`), state("Confirmed", 2));
  const seen = { "Consistency-Token": token, Prefer: "wait=20" };
  const found = (what: string) =>
    said(({ body }) => {
      const mine = itemsOf(body).find((item) => item.id === id);
      requireEqual([mine?.status, mine?.version], ["Delivered", 4]);
      return `the order is among ${what}`;
    });
  const view = "/views/order_read_model";
  await teller.step("The customer's orders", get(`${view}?customer_id=${customerId}`, seen), found("hers"));
  await teller.step("Orders by status", get(`${view}?status=Delivered`, seen), found("the delivered ones"));
}

async function refuse({ teller, id }: Step): Promise<void> {
  const request = { method: "POST", path: `/orders/${id}`, body: { type: "CancelOrder" } } as const;
  const type = "/problems/order/invalid_status_transition";
  await teller.step(
    "Too late to cancel, says a problem document",
    request,
    problem(type, ({ body }) => {
      return JSON.stringify(body);
    }),
  );
}

async function repeat({ teller, id }: Step): Promise<void> {
  const path = `/accounts/${id}`;
  const opening = { type: "OpenAccount", owner: "Ada", initial_balance: 100 };
  await teller.step("An account is opened", { method: "POST", path, body: opening }, accepted(201, "AccountOpened", 1));
  const deposit = {
    method: "POST",
    path,
    headers: { "Idempotency-Key": `key-${crypto.randomUUID().slice(0, 8)}` },
    body: { type: "Deposit", amount: 20 },
  } as const;
  const first = await teller.step("A deposit under a key", deposit, accepted(200, "MoneyDeposited", 2));
  await teller.step(
    "The same again, as after a lost answer",
    deposit,
    said(({ headers, body }) => {
      requireEqual([headers.get("idempotent-replayed"), body], ["true", first.body]);
      return "the first answer again, nothing stored twice";
    }),
  );
}

async function race({ teller, id }: Step): Promise<void> {
  const path = `/accounts/${id}`;
  await teller.race("Two withdrawals at once, money for one", {
    method: "POST",
    path,
    body: { type: "Withdraw", amount: 80 },
  }, {
    statuses: [200, 422],
    shows({ body }) {
      requireEqual(body.type, "/problems/account/insufficient_funds");
      return `one is refused: ${body.detail}`;
    },
  });
  await teller.step(
    "What is left",
    { method: "GET", path },
    said(({ body }) => {
      requireEqual([body.balance, body.version], [40, 3]);
      return JSON.stringify(body);
    }),
  );
}
