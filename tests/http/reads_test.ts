import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { assertProblem, openService, type Service } from "./rig.ts";

type Item = Readonly<Record<string, unknown>>;

const CUSTOMER = "0193b5a0-7c1e-7000-8000-000000000002";
const ORDERS = 5;

function orderId(at: number): string {
  return `0193b5a0-7c1e-7000-8000-00000000010${at}`;
}

describe("a read over HTTP", () => {
  let service: Service;
  let token = "";
  const fresh = () => ({ "consistency-token": token });
  const items = async (path: string) => (await service.send(path)).body.items as readonly Item[];
  beforeAll(async () => {
    service = await openService();
    await service.send("/accounts/acc-001", { body: { type: "OpenAccount", owner: "Alice", initial_balance: 1000.0 } });
    await service.send("/accounts/acc-001", { body: { type: "Deposit", amount: 500.0 } });
    const { headers } = await service.send("/accounts/acc-001", { body: { type: "Withdraw", amount: 200.0 } });
    token = headers.get("consistency-token") ?? "";
    for (let at = 0; at < ORDERS; at++) {
      const item = { product_id: CUSTOMER, quantity: at + 1 };
      const body = { type: "CreateOrder", customer_id: CUSTOMER, items: [item] };
      const created = await service.send(`/orders/${orderId(at)}`, { body });
      const headers = { "consistency-token": created.headers.get("consistency-token") ?? "", prefer: "wait=5" };
      assertEquals((await service.send(`/views/order_read_model/${orderId(at)}`, { headers })).status, 200);
    }
  });
  afterAll(() => service.app.stop());

  it("of an aggregate gives exactly its members", async () => {
    const { status, headers, body } = await service.send("/accounts/acc-001");
    assertEquals([status, body], [200, { id: "acc-001", owner: "Alice", balance: 1300, version: 3 }]);
    assertEquals([headers.get("etag"), headers.get("cache-control")], ['"3"', "no-cache"]);
  });

  it("of what the caller has is 304, without a body", async () => {
    const answer = await service.send("/accounts/acc-001", { headers: { "if-none-match": 'W/"2", W/"3"' } });
    assertEquals([answer.status, answer.text, answer.headers.get("etag")], [304, "", '"3"']);
    assertEquals((await service.send("/accounts/acc-001", { headers: { "if-none-match": '"2"' } })).status, 200);
    assertProblem(
      await service.send("/accounts/acc-001", { headers: { "if-none-match": "3" } }),
      400,
      "invalid_header",
    );
  });

  it("of an aggregate as it was", async () => {
    const history = await items("/accounts/acc-001/events");
    const { body, headers } = await service.send("/accounts/acc-001?version=2");
    assertEquals([body.balance, body.version, headers.get("etag")], [1500, 2, '"2"']);
    const at = encodeURIComponent(String(history.at(0)?.timestamp));
    assert(Number((await service.send(`/accounts/acc-001?at=${at}`)).body.version) >= 1);
    assertEquals((await service.send("/accounts/acc-001?at=2999-01-01T00:00:00%2B02:00")).body.version, 3);
    assertEquals((await service.send("/accounts/acc-001?at=2999-01-01T00:00:00+02:00")).body.version, 3);
  });

  it("of a moment that is none, or not one", async () => {
    for (const query of ["version=0", "version=4", "at=2000-01-01T00:00:00Z"]) {
      const answer = await service.send(`/accounts/acc-001?${query}`);
      assertProblem(answer, 404, "not_found");
      assertEquals(answer.body.detail, "The current version is 3");
    }
    const malformed = [
      "version=x",
      "version=-1",
      "version=",
      "at=yesterday",
      "at=2026-02-30T00:00:00Z",
      "at=2026-01-01",
      "at=9999-12-31T23:59:59-23:00",
      "at=0000-01-01T00:00:00+23:00",
      "version=1&at=2026-01-01T00:00:00Z",
      "version=1&version=1",
      "v=1",
    ];
    for (const query of malformed) {
      assertProblem(await service.send(`/accounts/acc-001?${query}`), 400, "invalid_query");
    }
  });

  it("of history gives every member of each event", async () => {
    const [first, second] = await items("/accounts/acc-001/events");
    assertEquals({ ...first, event_id: 0, timestamp: 0, correlation_id: 0, metadata: 0, user_id: 0 }, {
      event_id: 0,
      aggregate_type: "account",
      aggregate_id: "acc-001",
      sequence_number: 1,
      event_type: "AccountOpened",
      event_version: 1,
      event_data: { owner: "Alice", initial_balance: 1000 },
      causation_id: null,
      correlation_id: 0,
      user_id: 0,
      timestamp: 0,
      metadata: 0,
    });
    assertEquals(second?.event_data, { amount: 500 });
  });

  it("of history goes on page by page", async () => {
    const page = await service.send("/accounts/acc-001/events?limit=2");
    assertEquals([(page.body.items as Item[]).length, page.body.next], [2, 2]);
    const link = page.headers.get("link") ?? "";
    assertStringIncludes(link, "</accounts/acc-001/events?");
    const rest = await service.send(link.slice(1, link.indexOf(">")));
    assertEquals([(rest.body.items as Item[]).length, rest.body.next, rest.headers.get("link")], [1, null, null]);
    assertEquals((await service.send("/accounts/acc-001/events?after=99")).body, { items: [], next: null });
    assertProblem(await service.send("/accounts/missing/events"), 404, "not_found");
    for (const query of ["limit=0", "limit=1001", "after=-1", "after=x", "from=1", "limit=1&limit=2"]) {
      assertProblem(await service.send(`/accounts/acc-001/events?${query}`), 400, "invalid_query");
    }
  });

  it("of a view waits for the caller's own write", async () => {
    const waited = await service.send("/views/account_balances/acc-001", { headers: { ...fresh(), prefer: "wait=5" } });
    const { updated_at, ...document } = waited.body;
    assertEquals(document, { id: "acc-001", version: 3, owner: "Alice", balance: 1300 });
    assertEquals(typeof updated_at, "string");
    assertEquals(waited.headers.get("preference-applied"), "wait=5");
    const other = await service.send("/views/order_read_model", { headers: fresh() });
    assertEquals([other.status, other.headers.get("preference-applied")], [200, null]);
  });

  it("of a view that cannot have come so far is 503 at the deadline", async () => {
    const ahead = btoa('["account","acc-001",9]').replaceAll("=", "");
    const headers = { "consistency-token": ahead, prefer: "wait=0" };
    const behind = await service.send("/views/account_balances", { headers });
    assertProblem(behind, 503, "view_behind");
    assertEquals([behind.headers.get("retry-after"), behind.headers.get("preference-applied")], ["1", "wait=0"]);
    const malformed = { headers: { "consistency-token": "x" } };
    assertProblem(await service.send("/views/account_balances", malformed), 400, "invalid_header");
    assertEquals((await service.send("/accounts/acc-001", malformed)).status, 200);
  });

  it("of a view filters by one field and goes on page by page, newest first", async () => {
    const ids: unknown[] = [];
    let path: string | undefined = `/views/order_read_model?customer_id=${CUSTOMER}&limit=2`;
    for (let pages = 0; path !== undefined; pages++) {
      assert(pages < ORDERS, "the pages do not end");
      const { body, headers }: Awaited<ReturnType<Service["send"]>> = await service.send(path);
      ids.push(...(body.items as Item[]).map(({ id }) => id));
      const link = headers.get("link");
      assertEquals(link === null, body.next === null);
      path = link?.slice(1, link.indexOf(">"));
    }
    assertEquals(ids, Array.from({ length: ORDERS }, (_, at) => orderId(ORDERS - 1 - at)));
    assertEquals((await items("/views/order_read_model?status=Delivered")).length, 0);
    assertEquals((await items("/views/order_read_model")).length, ORDERS);
  });

  it("of a view refuses what is no filter and no cursor", async () => {
    for (
      const query of [
        "item_count=1",
        "status=Created&customer_id=x",
        "after=x",
        `after=${"x".repeat(5000)}`,
        "limit=1001",
      ]
    ) {
      assertProblem(await service.send(`/views/order_read_model?${query}`), 400, "invalid_query");
    }
    assertProblem(await service.send("/views/nothing"), 404, "not_found");
    assertProblem(await service.send(`/views/order_read_model/${CUSTOMER}`), 404, "not_found");
    assertProblem(await service.send("/views/order_read_model/not-a-uuid"), 400, "invalid_id");
    assertProblem(await service.send("/views/account_balances/acc-001?limit=1"), 400, "invalid_query");
  });
});
