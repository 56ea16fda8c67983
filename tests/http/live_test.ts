import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Module } from "annals";
import account from "../../modules/account/mod.ts";
import { assertProblem, openService, sendRaw, type Service } from "./rig.ts";
import { SseReader, type Told } from "./sse_reader.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const DEPOSIT = { type: "Deposit", amount: 1 };
const EVENTS = "/accounts/a/events";
const TOPIC = "/topics/account-events";
const SSE = { accept: "text/event-stream" };

describe("GET /{path}/{id}/events as server-sent events", () => {
  it("tells what history tells, one envelope a line, and goes on", async () => {
    await using service = await openAccounts(3);
    await using reader = await SseReader.open(`${service.url}${EVENTS}?from=beginning`);
    const told = await reader.take(3);
    await deposit(service, "a", 2);
    told.push(...await reader.take(2));
    const { body } = await service.send(EVENTS);
    assertEquals(told.map(({ data }) => data), body.items);
    assertEquals(told.map(({ id, type }) => [id, type]), [
      ["1", "AccountOpened"],
      ...["2", "3", "4", "5"].map((id) => [id, "MoneyDeposited"]),
    ]);
    assertEquals(reader.retryMs, 2000);
    assertEquals(headersOf(reader, ["content-type", "cache-control", "vary"]), [
      "text/event-stream",
      "no-store, no-transform",
      "accept",
    ]);
    assertMatch(reader.response.headers.get("x-correlation-id") ?? "", /^[0-9a-f-]{36}$/);
  });

  it("starts behind Last-Event-ID, else after, else at the beginning if that is said, else now", async () => {
    await using service = await openAccounts(5);
    const starts: [search: string, lastEventId: string | undefined, first: number][] = [
      ["?after=1&from=beginning", "3", 4],
      ["?after=2&from=beginning", undefined, 3],
      ["?after=0", undefined, 1],
      ["?from=beginning", undefined, 1],
      ["?after=5", undefined, 6],
      ["", "5", 6],
      ["", undefined, 6],
    ];
    const readers = await Promise.all(
      starts.map(([search, id]) =>
        SseReader.open(`${service.url}${EVENTS}${search}`, { headers: id === undefined ? {} : { "last-event-id": id } })
      ),
    );
    await deposit(service, "a", 1);
    for (const [at, reader] of readers.entries()) {
      const first = starts[at]?.[2] ?? 0;
      const ids = (await reader.take(7 - first)).map(({ id }) => Number(id));
      assertEquals(ids, Array.from({ length: 7 - first }, (_, at) => first + at));
      await reader[Symbol.asyncDispose]();
    }
  });

  it("refuses ids that are malformed or beyond the last event, by where they stood", async () => {
    await using service = await openAccounts(3);
    for (const id of ["4", "-1", "01", "1.0", "x", "1, 2", "9".repeat(30), ""]) {
      assertProblem(await service.send(EVENTS, { headers: { ...SSE, "last-event-id": id } }), 400, "invalid_header");
      const search = `?after=${encodeURIComponent(id)}`;
      assertProblem(await service.send(`${EVENTS}${search}`, { headers: SSE }), 400, "invalid_query");
    }
    for (const search of ["?from=end", "?limit=1", "?after=1&after=1", "?from=beginning&from=beginning"]) {
      assertProblem(await service.send(`${EVENTS}${search}`, { headers: SSE }), 400, "invalid_query");
    }
    assertProblem(await service.send("/accounts/!/events", { headers: SSE }), 400, "invalid_id");
    assertProblem(await service.send("/accounts/b/events", { headers: SSE }), 404, "not_found");
  });

  it("stays a page for whoever does not name event streams", async () => {
    await using service = await openAccounts(3);
    for (const accept of ["*/*", "application/json", "text/event-stream;q=0"]) {
      const { body, headers } = await service.send(EVENTS, { headers: { accept } });
      assertEquals([(body.items as unknown[]).length, headers.get("vary")], [3, "accept"]);
    }
    assertProblem(await service.send(`${EVENTS}?from=beginning`), 400, "invalid_query");
  });

  it("tells of large events, too, and of many", async () => {
    await using service = await openAccounts(1);
    const owner = "x".repeat(200);
    await service.send("/accounts/b", { body: { ...OPEN, owner } });
    for (let round = 0; round < 8; round++) await deposit(service, "b", 100);
    await using reader = await SseReader.open(`${service.url}/accounts/b/events?from=beginning`);
    const told = await reader.take(801);
    assertEquals(told.map(({ id }) => Number(id)), Array.from({ length: 801 }, (_, at) => at + 1));
    assertEquals((told[0]?.data.event_data as Record<string, unknown>).owner, owner);
  });
});

describe("GET /topics/{topic}", () => {
  it("tells what all aggregates of a module publish, in order per aggregate, without who did it", async () => {
    await using service = await openAccounts(2);
    await service.send("/accounts/b", {
      body: OPEN,
      headers: { traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` },
    });
    await using reader = await SseReader.open(`${service.url}${TOPIC}?from=beginning`);
    await deposit(service, "a", 1);
    const told = await reader.take(4);
    const histories = await Promise.all(["a", "b"].map((id) => service.send(`/accounts/${id}/events`)));
    const items = histories.flatMap(({ body }) => body.items as Record<string, unknown>[]);
    const published = items.map((item): Record<string, unknown> => ({ ...item, user_id: null, metadata: null }));
    for (const id of ["a", "b"]) {
      const ofOne = ({ aggregate_id }: Record<string, unknown>) => aggregate_id === id;
      assertEquals(told.map(({ data }) => data).filter(ofOne), published.filter(ofOne));
    }
    assert(items.some(({ metadata }) => metadata !== null), "expected an event with metadata");
    assertEquals(told.map(({ type }) => type)[0], "AccountOpened");
    assertEquals(headersOf(reader, ["content-type"]), ["text/event-stream"]);
  });

  it("goes on behind the id it gave, by header or query, and starts now without one", async () => {
    await using service = await openAccounts(4);
    const url = service.url + TOPIC;
    await using all = await SseReader.open(`${url}?from=beginning`);
    const told = await all.take(4);
    const second = told[1]?.id ?? "";
    await using now = await SseReader.open(url);
    await using byHeader = await SseReader.open(`${url}?from=beginning`, { headers: { "last-event-id": second } });
    await using byQuery = await SseReader.open(`${url}?after=${second}`);
    await deposit(service, "a", 1);
    assertEquals((await byHeader.take(3)).map(numberOf), [3, 4, 5]);
    assertEquals((await byQuery.take(3)).map(numberOf), [3, 4, 5]);
    assertEquals((await now.take(1)).map(numberOf), [5]);
  });

  it("refuses ids that are malformed, of another topic or another service", async () => {
    await using service = await openAccounts(1);
    await using elsewhere = await openAccounts(3);
    await using foreign = await SseReader.open(`${elsewhere.url}${TOPIC}?from=beginning`);
    const ids = (await foreign.take(3)).map(({ id }) => id);
    for (const id of [...ids, "x", "1", "MQ", `${ids[0]}=`, "x".repeat(5_000)]) {
      assertProblem(await service.send(TOPIC, { headers: { "last-event-id": id } }), 400, "invalid_header");
      assertProblem(await service.send(`${TOPIC}?after=${id}`), 400, "invalid_query");
    }
    await using own = await SseReader.open(`${service.url}${TOPIC}?from=beginning`);
    const [{ id } = { id: "" }] = await own.take(1);
    assertProblem(await service.send(`/topics/order-events?after=${id}`), 400, "invalid_query");
    assertProblem(await service.send(`${TOPIC}?limit=1`), 400, "invalid_query");
  });

  it("is not there for a module that is not", async () => {
    await using service = await openAccounts(1);
    for (const path of ["/topics", "/topics/nothing-events", "/topics/account", `${TOPIC}/`]) {
      assertProblem(await service.send(path), 404, "not_found");
    }
  });

  it("tells the public events of a module that maps them", async () => {
    const publish: Module["publish"] = ({ type, amount }) =>
      type === "MoneyDeposited" ? { type: "Paid", amount } : undefined;
    await using service = await openService({ modules: [{ ...account, publish }] });
    await service.send("/accounts/a", { body: OPEN });
    await using reader = await SseReader.open(`${service.url}${TOPIC}?from=beginning`);
    await deposit(service, "a", 1);
    const told = await reader.take(1);
    assertEquals(told.map(({ type, data }) => [type, data.event_type, data.event_data]), [
      ["Paid", "Paid", { amount: 1 }],
    ]);
  });
});

describe("live streams", () => {
  it("ask allowRead what is read", async () => {
    const asked: unknown[] = [];
    const allowRead: Module["allowRead"] = (_, read) => asked.push(read) === 0;
    await using service = await openService({ modules: [{ ...account, allowRead }] });
    await service.send("/accounts/a", { body: OPEN });
    assertProblem(await service.send(EVENTS, { headers: SSE }), 403, "forbidden");
    assertProblem(await service.send("/accounts/none/events", { headers: SSE }), 403, "forbidden");
    assertProblem(await service.send(TOPIC), 403, "forbidden");
    assertEquals(asked, [
      { kind: "history", id: "a" },
      { kind: "history", id: "none" },
      { kind: "topic", topic: "account-events" },
    ]);
  });

  it("answer HEAD without opening, OPTIONS and other methods", async () => {
    await using service = await openAccounts(1);
    for (const path of [EVENTS, TOPIC]) {
      const request = `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;
      const head = await sendRaw(service.url, request);
      assertStringIncludes(head, "HTTP/1.1 200 OK\r\n");
      assertStringIncludes(head, "content-type: text/event-stream\r\n");
      assert(head.endsWith("\r\n\r\n"), head);
      const options = await service.send(path, { method: "OPTIONS" });
      assertEquals([options.status, options.headers.get("allow")], [204, "GET, HEAD, OPTIONS"]);
      assertProblem(await service.send(path, { method: "DELETE", headers: SSE }), 405, "method_not_allowed");
    }
    assertEquals((await service.send("/accounts/none/events", { method: "HEAD", headers: SSE })).status, 404);
    assertEquals(await clientsOf(service), 0);
  });

  it("are not compressed: what is sent must leave at once", async () => {
    await using service = await openAccounts(1);
    const request = `GET ${TOPIC}?from=beginning HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, br\r\n\r\n`;
    const answer = await sendRaw(service.url, request, "AccountOpened");
    assert(!answer.includes("content-encoding") && answer.includes("event: AccountOpened"), answer);
  });

  it("give a sign of life when nothing happens", async () => {
    await using service = await openAccounts(1, { LIVE_HEARTBEAT_MS: "20" });
    for (const path of [EVENTS, TOPIC]) {
      await using reader = await SseReader.open(service.url + path);
      for (let count = 0; count < 3; count++) await reader.nextComment();
      await deposit(service, "a", 1);
      assertEquals((await reader.take(1)).length, 1);
      assertEquals(new Set(reader.comments), new Set([":"]));
    }
  });

  it("are counted, and refused beyond the limit", async () => {
    await using service = await openAccounts(1, { LIVE_STREAM_LIMIT: "3" });
    const urls = [EVENTS, TOPIC, TOPIC].map((path) => service.url + path);
    const readers = await Promise.all(urls.map((url) => SseReader.open(url)));
    assertEquals(await clientsOf(service), 3);
    for (const path of [EVENTS, TOPIC]) {
      const refused = await service.send(path, { headers: SSE });
      assertProblem(refused, 503, "overloaded");
      assertMatch(refused.headers.get("retry-after") ?? "", /^[0-9]+$/);
    }
    assertEquals((await service.send(EVENTS)).status, 200);
    await readers.pop()?.[Symbol.asyncDispose]();
    await whenClients(service, 2);
    readers.push(await SseReader.open(service.url + TOPIC));
    for (const reader of readers) await reader[Symbol.asyncDispose]();
    await whenClients(service, 0);
  });

  it("are refused to one client beyond its own limit", async () => {
    const environment = { LIVE_STREAMS_PER_CLIENT: "2", TRUSTED_PROXIES: "127.0.0.1" };
    await using service = await openAccounts(1, environment);
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    const open = (address: string) => SseReader.open(service.url + EVENTS, from(address));
    const readers = [await open("10.0.0.1"), await open("10.0.0.1")];
    const refused = await service.send(TOPIC, { headers: { ...SSE, ...from("10.0.0.1").headers } });
    assertProblem(refused, 429, "rate_limited");
    assertMatch(refused.headers.get("retry-after") ?? "", /^[0-9]+$/);
    readers.push(await open("10.0.0.2"));
    await readers.shift()?.[Symbol.asyncDispose]();
    await whenClients(service, 2);
    readers.push(await open("10.0.0.1"));
    for (const reader of readers) await reader[Symbol.asyncDispose]();
  });
});

function openAccounts(events: number, environment: Record<string, string> = {}): Promise<Service> {
  return openService({ environment }).then(async (service) => {
    await service.send("/accounts/a", { body: OPEN });
    await deposit(service, "a", events - 1);
    return service;
  });
}

async function deposit(service: Service, id: string, times: number): Promise<void> {
  const sent = Array.from({ length: times }, () => service.send(`/accounts/${id}`, { body: DEPOSIT }));
  for (const { status, text } of await Promise.all(sent)) assertEquals(status, 200, text);
}

function headersOf({ response: { headers } }: SseReader, names: readonly string[]): (string | null)[] {
  return names.map((name) => headers.get(name));
}

function numberOf({ data }: Told): number {
  return Number(data.sequence_number);
}

async function clientsOf(service: Service): Promise<number> {
  const { text } = await service.send("/metrics", { operator: true });
  return Number(/^sse_clients (\d+)$/m.exec(text)?.[1]);
}

/** A reader that leaves is noticed by the server a moment later. */
async function whenClients(service: Service, count: number): Promise<void> {
  while (await clientsOf(service) !== count);
}
