import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Client } from "cassandra-driver";
import { tell } from "../../tasks/demo/story.ts";
import { Teller } from "../../tasks/demo/teller.ts";
import { assertOneWinsEachVersion } from "../contract/one_winner.ts";
import { until, within } from "../contract/surroundings.ts";
import { SseReader } from "../http/sse_reader.ts";
import { printedSeed } from "../service/chance.ts";
import { Journal, readHistories } from "../service/journal.ts";
import { moment } from "../service/program.ts";
import { assertAllTrue } from "../service/replay.ts";
import { launch, runService, seeing, type Service, startService, whenReady } from "../service/service.ts";
import { Writers } from "../service/writers.ts";
import { startProxy } from "./cql_proxy.ts";
import { clientOf, freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";
import { copyOn } from "./stores.ts";
import { freePorts } from "./servers/ports.ts";

const LOAD_MS = 3_000;
const KILLED_AT_LINE = 4;
const TAKEN_OVER_WITHIN_MS = 10_000;
const TOLD_WITHIN_MS = 10_000;
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };

describe("copies of the service on one cluster store", () => {
  it("start together on an empty keyspace, and lose nothing when one of three is killed under load", async () => {
    await using keyspace = await freshKeyspace("service");
    await using copies = await startCopies(keyspace.name, 3);
    const [first, second, third] = copies.services;
    const seed = printedSeed("service_cluster_test");
    const journal = new Journal();
    const writing = [first, third].map((copy, at) => write(copy, journal, { seed: seed + 100 * at }));
    const doomed = write(second, journal, { seed: seed + 1_000 });
    await moment(LOAD_MS);
    doomed.end();
    assertEquals((await second.end("SIGKILL")).signal, "SIGKILL");
    await doomed.done;
    await moment(LOAD_MS);
    for (const each of writing) each.end();
    await Promise.all(writing.map(({ done }) => done));
    assert(await journal.retryUnknown(first) > 0, "expected commands without an answer, found none");
    journal.check(await readHistories(third, journal.paths()));
    await assertAllTrue(third, journal);
    assert(journal.count("acknowledged") > 100, `expected some load, found ${journal.count("acknowledged")}`);
  });

  it("tell the whole story through either of two, one of which is killed in the middle of it", async () => {
    await using keyspace = await freshKeyspace("service");
    await using copies = await startCopies(keyspace.name, 2);
    const [first, second] = copies.services;
    let lines = 0;
    let killed: Promise<unknown> = Promise.resolve();
    const say = () => {
      lines += 1;
      if (lines === KILLED_AT_LINE) killed = second.end("SIGKILL");
    };
    await tell(new Teller(first.url, { say }));
    await killed;
    assert(lines > KILLED_AT_LINE, `expected the story to go on, found its end at line ${lines}`);
  });

  it("let one of 64 writers with If-Match win each version, whichever of two each asks", async () => {
    await using keyspace = await freshKeyspace("service");
    await using copies = await startCopies(keyspace.name, 2);
    const [first, second] = copies.services;
    await assertOneWinsEachVersion([first, second]);
  });

  it("hand over at once when stopped, and within 10 s when killed", async () => {
    await using keyspace = await freshKeyspace("service");
    await using copies = await startCopies(keyspace.name, 3);
    const [first, second, third] = copies.services;
    await using session = await openSession(keyspace.name);
    const [, copy = ""] = /"copy":"([^"]+)"/.exec(first.program.stderr) ?? [];
    await until(async () => await leasesOf(session.client, copy) > 1);
    assertEquals((await first.end("SIGTERM")).code, 0);
    assertEquals(await leasesOf(session.client, copy), 0);
    await shownWithin(second, TAKEN_OVER_WITHIN_MS);
    assertEquals((await second.end("SIGKILL")).signal, "SIGKILL");
    await shownWithin(third, TAKEN_OVER_WITHIN_MS);
  });

  it("leave the feeding to others when they only serve", async () => {
    await using keyspace = await freshKeyspace("service");
    await using serving = await startCopy(keyspace.name, { ROLES: "serve" });
    const opened = await serving.post("/accounts/one", OPEN);
    const soon = { ...seeing(opened), prefer: "wait=1" };
    assertEquals((await serving.get("/views/account_balances/one", { headers: soon })).status, 503);
    await using _streaming = await startCopy(keyspace.name);
    assertEquals((await serving.get("/views/account_balances/one", { headers: seeing(opened) })).status, 200);
  });

  it("tell a live stream of one what is written through another, and of topics that there are none", async () => {
    await using keyspace = await freshKeyspace("service");
    await using copies = await startCopies(keyspace.name, 2);
    const [first, second] = copies.services;
    assertEquals((await second.post("/accounts/one", OPEN)).status, 201);
    await using reader = await SseReader.open(`${first.url}/accounts/one/events?from=beginning`);
    const told = await within(reader.take(1), TOLD_WITHIN_MS, "the first event");
    for (let amount = 1; amount <= 3; amount++) {
      assertEquals((await second.post("/accounts/one", { type: "Deposit", amount })).status, 200);
      told.push(...await within(reader.take(1), TOLD_WITHIN_MS, `event ${amount + 1}`));
    }
    assertEquals(told.map(({ data }) => data), (await second.get("/accounts/one/events")).body.items);
    assertEquals(told.map(({ id }) => id), ["1", "2", "3", "4"]);
    assert(first.program.stderr.includes("There is no broker: this service has no topics"), first.program.stderr);
  });

  it("wait for a database that is away at the start, and begin by themselves", async () => {
    await using keyspace = await freshKeyspace("service");
    const [port = 0] = freePorts("127.0.0.1", 1);
    await using program = launch(copyOn(keyspace.name, { SCYLLA_NODES: `127.0.0.1:${port}` }));
    await program.whenPrinted(/The database does not answer/);
    using _way = forward(port, cassandraAddress());
    const service = await whenReady(program);
    assertEquals((await service.get("/readyz")).status, 200);
    service.close();
  });

  it("begin by themselves after a fault in the middle of the start", async () => {
    await using keyspace = await freshKeyspace("service");
    await using proxy = startProxy({ target: cassandraAddress() });
    proxy.cutResponses({ statement: /FROM documents_account_balances_v1/, count: 1 });
    await using copy = await startCopy(keyspace.name, { SCYLLA_NODES: proxy.address });
    assertStringIncludes(copy.program.stderr, "The database does not answer; the service starts when it does");
    const opened = await copy.post("/accounts/one", OPEN);
    assertEquals((await copy.get("/views/account_balances/one", { headers: seeing(opened) })).status, 200);
  });

  it("refuse to start elsewhere than the keyspace's home, in one line", async () => {
    await using keyspace = await freshKeyspace("service");
    await using _one = await startCopy(keyspace.name);
    const { code, stderr } = await runService(copyOn(keyspace.name, { SCYLLA_DC: "elsewhere" }));
    assertEquals(code, 1);
    assert(/^annals: .*elsewhere/m.test(stderr), stderr);
  });
});

type Copies = AsyncDisposable & { readonly services: readonly [Service, Service, Service] };

/** All at the same moment. */
async function startCopies(keyspace: string, count: number): Promise<Copies> {
  await using starting = new AsyncDisposableStack();
  const services = await Promise.all(Array.from({ length: count }, () => startCopy(keyspace)));
  for (const service of services) starting.use(service);
  const copies = starting.move();
  const [first, second = first, third = second] = services;
  if (first === undefined || second === undefined || third === undefined) throw new Error("expected a copy");
  return { services: [first, second, third], [Symbol.asyncDispose]: () => copies.disposeAsync() };
}

function startCopy(keyspace: string, environment: Readonly<Record<string, string>> = {}): Promise<Service> {
  return startService(copyOn(keyspace, environment));
}

/** Writers against one copy; what happens to a request once they are to end is not the copy's fault. */
function write(copy: Service, journal: Journal, { seed }: { seed: number }) {
  let over = false;
  const done = new Writers(journal, { seed, count: 6 }).write(copy, () => over);
  return { done, end: () => void (over = true) };
}

/** With the keyspace's tables. */
async function openSession(keyspace: string) {
  const client = clientOf(keyspace);
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.shutdown() };
}

/** How many rows name the copy as their owner: one of its own among the copies, and one for each of its slices. */
async function leasesOf(client: Client, copy: string): Promise<number> {
  const { rows } = await client.execute("SELECT owner FROM leases");
  return rows.filter((row) => String(row["owner"]) === copy).length;
}

/** Something new is in the view, whichever slice it falls into. */
async function shownWithin(copy: Service, ms: number): Promise<void> {
  const since = performance.now();
  await Promise.all(Array.from({ length: 24 }, async () => {
    const id = crypto.randomUUID();
    const opened = await copy.post(`/accounts/${id}`, OPEN);
    const shown = await copy.get(`/views/account_balances/${id}`, { headers: seeing(opened) });
    assertEquals(shown.status, 200, shown.text);
  }));
  assert(performance.now() - since < ms, `expected all slices fed within ${ms} ms`);
}

/** Passes connections on until disposed. */
function forward(port: number, target: string): Disposable {
  const [hostname = "", targetPort = ""] = target.split(":");
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const open = new Set<Deno.Conn>();
  (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname, port: Number(targetPort) });
      open.add(client).add(server);
      client.readable.pipeTo(server.writable).catch(() => {});
      server.readable.pipeTo(client.writable).catch(() => {});
    }
  })();
  return {
    [Symbol.dispose]() {
      listener.close();
      for (const each of open) {
        try {
          each.close();
        } catch { /* Its pipe has closed it. */ }
      }
    },
  };
}
