import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { peakResidentMegabytes, residentMegabytes } from "../../bench/process.ts";
import { sumOf, until, within } from "../contract/surroundings.ts";
import { SseReader } from "../http/sse_reader.ts";
import { assertRefused, connect, connectionsOf, toldTo } from "./crowd.ts";
import { assertStatus, Service, startService, temporaryDirectory } from "./service.ts";

const READERS = Number(Deno.env.get("SILENT_READERS") ?? 1_000);
const PER_CLIENT = 1_000;
const PATIENCE_MS = 300_000;
const ACCOUNT = "/accounts/a";
const ORDER = "/orders/0193b5a0-7c1e-7000-8000-000000000001";
const PRODUCT = "0193b5a0-7c1e-7000-8000-000000000003";
const DEPOSITS = 100;
/** So many, each so large, that no socket takes them all. */
const CHANGES = 6_000;
const ITEMS = 40;
const AT_ONCE = 100;
/** Of a topic, and of a history. */
const SILENT = ["/topics/account-events", `${ACCOUNT}/events`];
const STUCK = ["/topics/order-events", `${ORDER}/events`];
const STUCK_OF_EACH = 40;
const ALL = READERS + STUCK.length * (STUCK_OF_EACH + 1);
/** Of the service at its peak, above what it had before: most of it is garbage. */
const GROWTH_MEGABYTES = 700;
const GROWTH_MEGABYTES_EACH = 0.2;

describe(`${READERS} readers that never read`, () => {
  it("cost a bounded memory and no writer anything, and who comes back finds everything", async () => {
    await using directory = await temporaryDirectory();
    const environment = {
      LIVE_STREAM_LIMIT: String(ALL),
      LIVE_STREAMS_PER_CLIENT: String(ALL + 1),
      LIVE_SLOW_READER_MS: "600000",
    };
    await using service = await startService({ directory: directory.path, environment });
    const { pid } = service.program;
    const door = new Service(service.program, service);
    await door.post(ACCOUNT, { type: "OpenAccount", owner: "Alice", initial_balance: 1 });
    await door.post(ORDER, { type: "CreateOrder", customer_id: PRODUCT, items: itemsOf(1) });
    await changeOrder(door, { from: 1, to: CHANGES });
    const before = await residentMegabytes(pid);
    const crowd = new AsyncDisposableStack();
    for (const path of SILENT) crowd.use(await connect(door.url, { count: READERS / 2, text: begin(path) }));
    for (const path of STUCK) crowd.use(await connect(door.url, { count: STUCK_OF_EACH, text: begin(path) }));
    const resuming = await Promise.all(STUCK.map((path) => SseReader.open(`${door.url}${path}?from=beginning`)));
    await until(async () => await readersOf(service) === ALL, PATIENCE_MS);
    const told = await toldTo(door.url, { count: 1, text: begin(SILENT[0] ?? "") });
    assertEquals(told.map(({ status }) => status), [503]);
    for (const each of told) assertRefused(each);
    for (let at = 0; at < DEPOSITS; at++) assertStatus(await door.post(ACCOUNT, { type: "Deposit", amount: 1 }), 200);
    await changeOrder(door, { from: CHANGES + 1, to: CHANGES + 1 });
    const growth = await peakResidentMegabytes(pid) - before;
    console.log(`silent_readers_test: ${Math.round(growth)} MB more for ${ALL} readers`);
    assertLess(growth, GROWTH_MEGABYTES + GROWTH_MEGABYTES_EACH * READERS);
    assertEquals(await readersOf(service), ALL);
    for (const reader of resuming) await within(assertResumes(reader, service), PATIENCE_MS, "the rest");
    await crowd.disposeAsync();
    door.close();
    await until(async () => await readersOf(service) === 0, PATIENCE_MS);
    await until(async () => await connectionsOf(service) === 0, PATIENCE_MS);
    assertEquals((await service.get("/health", { door: "operator" })).body.status, "healthy");
    assertEquals((await service.get(ACCOUNT)).body.version, 1 + DEPOSITS);
  });

  it(`are ${PER_CLIENT} of one client where no setting says otherwise`, async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const told = await toldTo(service.url, { count: PER_CLIENT + 50, text: begin(SILENT[0] ?? "") });
    const refused = told.filter(({ status }) => status !== 200);
    assertEquals([told.length, refused.map(({ status }) => status)], [PER_CLIENT + 50, Array(50).fill(429)]);
    for (const each of refused) assertRefused(each);
  });
});

function begin(path: string): string {
  return `GET ${path}?from=beginning HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;
}

function itemsOf(quantity: number) {
  return Array.from({ length: ITEMS }, () => ({ product_id: PRODUCT, quantity }));
}

/** Each change is another one, in whatever order they come in. */
async function changeOrder(service: Service, { from, to }: { from: number; to: number }): Promise<void> {
  for (let first = from; first <= to; first += AT_ONCE) {
    const changes = Array.from({ length: Math.min(AT_ONCE, to + 1 - first) }, (_, at) => itemsOf(1 + first + at));
    const answers = await Promise.all(changes.map((items) => service.post(ORDER, { type: "UpdateItems", items })));
    for (const answer of answers) assertStatus(answer, 200);
  }
}

/** It reads a little of what was sent to it, is cut off, and comes back for the rest. */
async function assertResumes(reader: SseReader, service: Service): Promise<void> {
  const told = await reader.take(3);
  await reader[Symbol.asyncDispose]();
  await until(async () => await readersOf(service) < ALL, PATIENCE_MS);
  const headers = { "last-event-id": reader.lastId ?? "" };
  await using again = await SseReader.open(reader.response.url, { headers });
  told.push(...await again.take(CHANGES - 1));
  assertEquals(told.map(({ data }) => data.sequence_number), told.map((_, at) => at + 1));
}

async function readersOf(service: Service): Promise<number> {
  return sumOf((await service.get("/metrics", { door: "operator" })).text, { name: "sse_clients" });
}
