import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHmac } from "node:crypto";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { assertProblem, assertStatus, runService, type Service, startService, temporaryDirectory } from "./service.ts";

const SECRET = "a secret of the receiver";
const UUID = "6f1a3c55-4d0e-4a43-9d0a-2f0f0b8a1c11";
const LETTERS = "/operations/dead-letters";

/** A server that answers as it is told to, and keeps what it took. */
function openReceiver() {
  const taken: { readonly headers: Headers; readonly text: string }[] = [];
  const answers: number[] = [];
  /** Orders that it never takes. */
  const refused = new Set<string>();
  const silence = { isKept: false, over: Promise.withResolvers<void>() };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const text = await request.text();
    const status = answers.shift() ?? ([...refused].some((id) => text.includes(id)) ? 500 : 204);
    if (status === 204) taken.push({ headers: request.headers, text });
    if (silence.isKept) await silence.over.promise;
    return new Response(null, { status, ...(status === 302 ? { headers: { location: "/elsewhere" } } : {}) });
  });
  const environment = {
    WEBHOOK_URL: `http://127.0.0.1:${server.addr.port}/hook`,
    WEBHOOK_ALLOWED_HOSTS: "example.com, 127.0.0.1",
    WEBHOOK_SECRET: SECRET,
  };
  const dispose = async () => {
    silence.over.resolve();
    await server.shutdown();
  };
  return { taken, answers, refused, silence, environment, [Symbol.asyncDispose]: dispose };
}

async function ship(service: Service): Promise<string> {
  const items = [{ product_id: UUID, quantity: 1 }];
  const created = await service.post("/orders", { type: "CreateOrder", customer_id: UUID, items });
  const id = String(assertStatus(created, 201).body.id);
  assertStatus(await service.post(`/orders/${id}`, { type: "ConfirmOrder" }), 200);
  const shipping = { type: "ShipOrder", tracking_number: "T-1", carrier: "Post" };
  assertStatus(await service.post(`/orders/${id}`, shipping), 200);
  return id;
}

describe("the webhook", () => {
  it("tells of each shipped order once, signed, and goes on after the receiver was away", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = openReceiver();
    const { taken, answers, environment } = receiver;
    await using service = await startService({ directory: directory.path, environment });
    answers.push(500, 429);
    const id = await ship(service);
    await until(() => taken.length === 1);
    const [{ headers, text } = { headers: new Headers(), text: "" }] = taken;
    const { order_id, tracking_number, sequence_number } = JSON.parse(text);
    assertEquals([order_id, tracking_number, sequence_number, answers], [id, "T-1", 3, []]);
    const key = headers.get("idempotency-key");
    assertEquals(headers.get("webhook-id"), key);
    const signed = `${key}.${headers.get("webhook-timestamp")}.${text}`;
    assertEquals(
      headers.get("webhook-signature"),
      `v1,${createHmac("sha256", SECRET).update(signed).digest("base64")}`,
    );
    await ship(service);
    await until(() => taken.length === 2);
    assertEquals(taken[1]?.headers.get("idempotency-key") === key, false);
  });

  it("parks an order whose answer says no, follows no redirect, and leaves the others alone", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = openReceiver();
    const { taken, answers, environment } = receiver;
    await using service = await startService({ directory: directory.path, environment });
    for (const status of [400, 302]) {
      answers.push(status);
      const id = await ship(service);
      const query = `${LETTERS}?subscription=webhook_order_shipped&aggregate_id=${id}`;
      const letters = async () => (await service.get(query, { door: "operator" })).text;
      await until(async () => (await letters()).includes('"given_up"'));
      assertStringIncludes(await letters(), `PermanentError: 127.0.0.1:`);
      assertStringIncludes(await letters(), `answered ${status}`);
    }
    await ship(service);
    await until(() => taken.length === 1);
    const { stderr } = await service.end("SIGTERM");
    assertEquals(stderr.includes(SECRET), false);
  });

  it("waits for an order that the receiver never takes until an operator passes it by", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = openReceiver();
    const { taken, refused, environment } = receiver;
    await using service = await startService({
      directory: directory.path,
      environment: { ...environment, BREAKER_MS: "200" },
    });
    const first = await ship(service);
    await until(() => taken.length === 1);
    const skip = (aggregate_id: string, sequence_number: number) =>
      service.send(`${LETTERS}/skip`, {
        method: "POST",
        door: "operator",
        body: {
          subscription: "webhook_order_shipped",
          aggregate_type: "order",
          aggregate_id,
          sequence_number,
          reason: "the shop is closed",
        },
      });
    assertProblem(await skip(first, 3), 409, "operation_refused");
    assertProblem(await skip(first, 9), 404, "not_found");
    const items = [{ product_id: UUID, quantity: 1 }];
    const created = await service.post("/orders", { type: "CreateOrder", customer_id: UUID, items });
    const bad = String(created.body.id);
    refused.add(bad);
    await service.post(`/orders/${bad}`, { type: "ConfirmOrder" });
    await service.post(`/orders/${bad}`, { type: "ShipOrder", tracking_number: "T-2", carrier: "Post" });
    const waiting = `event 3 of order/${bad}`;
    const isWaiting = async () => (await service.get("/readyz", { door: "operator" })).text.includes(waiting);
    await until(isWaiting);
    assertStatus(await skip(bad, 3), 200);
    await until(async () => !await isWaiting());
    const last = await ship(service);
    await until(() => taken.some(({ text }) => text.includes(last)));
    assertEquals(taken.some(({ text }) => text.includes(bad)), false);
  });

  it("tells again under the same key what it does not know to be told when it is killed, with one effect", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = openReceiver();
    const { taken, environment } = receiver;
    const told: string[] = [];
    {
      await using service = await startService({ directory: directory.path, environment });
      told.push(await ship(service));
      await until(() => taken.length === 1);
      receiver.silence.isKept = true;
      told.push(await ship(service));
      await until(() => taken.length >= 2);
      await service.end("SIGKILL");
    }
    receiver.silence.isKept = false;
    const before = taken.length;
    await using service = await startService({ directory: directory.path, environment });
    told.push(await ship(service));
    await until(() => taken.some(({ text }) => JSON.parse(text).order_id === told[2]));
    const effects = new Map(taken.map(({ headers, text }) => [headers.get("idempotency-key"), JSON.parse(text)]));
    assertEquals([...effects.values()].map(({ order_id }) => order_id), told);
    assert(taken.slice(before).some(({ text }) => text === taken[1]?.text), "the other process tells it too");
  });

  it("is off unless it has a URL, and refuses one that nobody has allowed", async () => {
    await using directory = await temporaryDirectory();
    const refusals: readonly (readonly [Record<string, string>, string])[] = [
      [{ WEBHOOK_URL: "http://127.0.0.1:9/" }, "127.0.0.1 is not in WEBHOOK_ALLOWED_HOSTS"],
      [{ WEBHOOK_URL: "ftp://127.0.0.1/", WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" }, "WEBHOOK_URL"],
      [{ WEBHOOK_URL: "http://a:b@127.0.0.1/", WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" }, "has a user name in it"],
      [
        { WEBHOOK_URL: "http://example.com/", WEBHOOK_ALLOWED_HOSTS: "example.com" },
        "add example.com:80 to --allow-net of the task",
      ],
    ];
    for (const [environment, reason] of refusals) {
      const { code, stderr } = await runService({ directory: directory.path, environment });
      assertEquals([code, stderr.includes(reason)], [1, true], stderr);
    }
    await using service = await startService({ directory: directory.path });
    const { text } = await service.get("/operations/subscriptions", { door: "operator" });
    assertEquals(text.includes("webhook"), false);
  });
});
