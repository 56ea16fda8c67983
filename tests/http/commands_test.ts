import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { assertProblem, openService, type Sending, sendRaw, type Service } from "./rig.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const DEPOSIT = { type: "Deposit", amount: 50 };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe("a command over HTTP", () => {
  let service: Service;
  let made = 0;
  const open = async () => {
    const path = `/accounts/acc-${++made}`;
    assertEquals((await service.send(path, { body: OPEN })).status, 201);
    return path;
  };
  const deposit = (path: string, headers: Sending["headers"] = {}) => service.send(path, { body: DEPOSIT, headers });
  beforeAll(async () => {
    service = await openService();
  });
  afterAll(() => service.app.stop());

  it("answers with what it made", async () => {
    const path = await open();
    const { status, headers, body } = await deposit(path);
    assertEquals([status, body.id, body.version], [200, path.slice("/accounts/".length), 2]);
    const [event, ...others] = body.events as Record<string, unknown>[];
    assertEquals(others, []);
    assertMatch(String(event?.event_id), UUID);
    assertEquals(event, { event_id: event?.event_id, sequence_number: 2, event_type: "MoneyDeposited" });
    assertEquals(headers.get("etag"), '"2"');
    assertEquals(headers.get("content-type"), "application/json");
    assert(headers.has("consistency-token"));
    assertEquals(headers.get("idempotent-replayed"), null);
  });

  it("of an unknown version is not stored", async () => {
    const path = await open();
    const stale = await deposit(path, { "if-match": '"7"' });
    assertProblem(stale, 412, "precondition_failed");
    assertEquals(stale.body.detail, "The current version is 1");
    assertEquals((await deposit(path, { "if-match": '"1"' })).body.version, 2);
    assertEquals((await deposit(path, { "if-match": "*" })).body.version, 3);
    assertProblem(
      await service.send(path, { body: OPEN, headers: { "if-none-match": "*" } }),
      412,
      "precondition_failed",
    );
  });

  it("with a key takes effect once, and is told so", async () => {
    const path = await open();
    const key = { "idempotency-key": "rent" };
    const first = await deposit(path, key);
    const again = await deposit(path, { "idempotency-key": '"rent"', "if-match": '"1"' });
    assertEquals([again.status, again.text], [first.status, first.text]);
    assertEquals(again.headers.get("idempotent-replayed"), "true");
    const other = await service.send(path, { body: { ...DEPOSIT, amount: 51 }, headers: key });
    assertProblem(other, 422, "idempotency_key_reused");
    assertEquals((await service.send(path)).body.version, 2);
  });

  it("with a key sent a hundred times at once makes one event", async () => {
    const path = await open();
    const answers = await Promise.all(Array.from({ length: 100 }, () => deposit(path, { "idempotency-key": "once" })));
    assertEquals(new Set(answers.map(({ text }) => text)).size, 1);
    assertEquals(answers.filter(({ headers }) => headers.has("idempotent-replayed")).length, 99);
    assertEquals((await service.send(path)).body.version, 2);
  });

  it("creates under an id of the service's, and says where", async () => {
    const { status, headers, body } = await service.send("/accounts", { body: OPEN });
    assertEquals(status, 201);
    assertMatch(String(body.id), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assertEquals(headers.get("location"), `/accounts/${body.id}`);
    assertEquals((await service.send(`/accounts/${body.id}`)).body.version, 1);
  });

  it("creates under the same id for the same key", async () => {
    const create = (key: string) => service.send("/accounts", { body: OPEN, headers: { "idempotency-key": key } });
    const [first, again, other] = [await create("k"), await create("k"), await create("l")];
    assertMatch(String(first.body.id), /^[0-9a-f]{8}-[0-9a-f]{4}-8/);
    assertEquals([again.status, again.text, again.headers.get("location")], [
      201,
      first.text,
      first.headers.get("location"),
    ]);
    assertEquals(again.headers.get("idempotent-replayed"), "true");
    assertNotEquals(other.body.id, first.body.id);
  });

  it("that is rejected says why, to programs and to people", async () => {
    const path = await open();
    const rejected = await service.send(path, { body: { type: "Withdraw", amount: 500 } });
    assertProblem(rejected, 422, "account/insufficient_funds");
    assertEquals(rejected.body.title, "The balance does not cover the withdrawal");
    assertEquals(rejected.body.detail, "balance is 100, amount is 500");
    assertEquals(rejected.body.rejection, { balance: 100, amount: 500 });
    assertEquals(rejected.body.instance, path);
  });

  it("keeps the caller's correlation id and trace, and makes an id when there is none", async () => {
    const path = await open();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const correlation = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";
    const answer = await deposit(path, { "x-correlation-id": correlation, traceparent });
    assertEquals(answer.headers.get("x-correlation-id"), correlation);
    const { body } = await service.send(`${path}/events?after=1`);
    const [event] = body.items as Record<string, unknown>[];
    assertEquals(event?.correlation_id, correlation);
    assertEquals(JSON.stringify(event?.metadata).includes(traceparent), true);
    assertMatch(String((await deposit(path)).headers.get("x-correlation-id")), UUID);
    assertMatch(String((await service.send("/nowhere")).headers.get("x-correlation-id")), UUID);
  });

  it("is refused where it cannot stand", async () => {
    for (const id of ["a%2Fb", "a%00", "x".repeat(129), "%ff", "a%20b"]) {
      assertProblem(await service.send(`/accounts/${id}`, { body: OPEN }), 400, "invalid_id");
    }
    const dots = "GET /accounts/.. HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assertMatch(await sendRaw(service.url, dots, "invalid_id"), /^HTTP\/1\.1 400 /);
    assertProblem(await service.send("/orders/0193B5A0-7C1E-7000-8000-000000000001", { body: {} }), 400, "invalid_id");
    assertProblem(await service.send("/accounts/a?force=1", { body: OPEN }), 400, "invalid_query");
    assertProblem(await service.send("/accounts/", { body: OPEN }), 404, "not_found");
    assertProblem(await service.send("/Accounts/a", { body: OPEN }), 404, "not_found");
    assertProblem(await service.send("/nothing/a", { body: OPEN }), 404, "not_found");
  });
});
