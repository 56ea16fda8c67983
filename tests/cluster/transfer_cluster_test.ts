import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Fields } from "../../core/model/message.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { nextId, sampleEvent, streamOf } from "../contract/samples.ts";
import { within } from "../contract/surroundings.ts";
import { exported } from "../contract/transfer.ts";
import { printedSeed } from "../service/chance.ts";
import { Journal, readHistories, tokenOf } from "../service/journal.ts";
import { assertKnowsKeys } from "../service/known_keys.ts";
import { assertAllTrue, readView } from "../service/replay.ts";
import { startService, temporaryDirectory } from "../service/service.ts";
import { shownBy } from "../service/shown.ts";
import { aggregatesIn, startTask, succeeds } from "../service/task.ts";
import { assertHasAll, assertPrefixes, journalOf, runUnderLoad } from "../service/under_load.ts";
import { Writers } from "../service/writers.ts";
import { startProxy } from "./cql_proxy.ts";
import { clientOf, freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";
import { copyOn } from "./stores.ts";

const ENTRIES = 500;
const QUIET = { LOG_LEVEL: "error" };
/** Conditional batches, one for each append. */
const APPEND = { opcode: "BATCH" } as const;
const HALF_WAY_MS = 120_000;
const LARGE = { accounts: 600, deposits: 6 };
const accountsOfLarge = Array.from({ length: LARGE.accounts }, (_, at) => streamOf(`a-${at}`, "account"));

describe("an export of the embedded store", () => {
  it("is imported beside a copy of the service on the cluster store, and its export into an embedded one", async () => {
    await using keyspace = await freshKeyspace("transfer");
    await using directory = await temporaryDirectory();
    const [there, back] = [`${directory.path}/there.jsonl`, `${directory.path}/back.jsonl`];
    const cluster = copyOn(keyspace.name, QUIET);
    const journal = new Journal();
    const shown = await write(directory.path, journal);
    await succeeds("export", { directory: directory.path, args: [there] });
    {
      await using copy = await startService(cluster);
      const told = await succeeds("import", { ...cluster, args: [there] });
      const events = [...shown.histories.values()].flat().length;
      assertStringIncludes(told, `The store has the ${events} events of `);
      assertStringIncludes(told, `${there}, ${events} of them new.`);
      await assertKnowsKeys(copy, journal.entries);
      await assertAllTrue(copy, journal);
      assertEquals(await shownBy(copy, journal), shown);
      await succeeds("export", { ...cluster, args: [back] });
    }
    assertEquals(await aggregatesIn(back), await aggregatesIn(there));
    const again = await succeeds("import", { ...cluster, args: [there] });
    assertStringIncludes(again, `${there}, 0 of them new.`);
    const other = `${directory.path}/other`;
    await succeeds("import", { directory: other, args: [back] });
    await using service = await startService({ directory: other });
    await assertKnowsKeys(service, journal.entries);
    await assertAllTrue(service, journal);
    assertEquals(await shownBy(service, journal), shown);
  });
});

describe("an export of the cluster store", () => {
  it("has a prefix of each aggregate with all that was acknowledged before, made under eight writers", async () => {
    await using keyspace = await freshKeyspace("transfer");
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/all.jsonl`;
    const journal = new Journal();
    const of = copyOn(keyspace.name, QUIET);
    const { acknowledged, histories: all } = await runUnderLoad("export", { of, journal, args: [file] });
    const stdout = await succeeds("import", { directory: directory.path, args: [file] });
    const [, events = ""] = /^The store has the (\d+) events of /m.exec(stdout) ?? [];
    assertStringIncludes(stdout, `${file}, ${events} of them new.`);
    await using service = await startService({ directory: directory.path });
    const histories = await readHistories(service, journal.paths());
    assertHasAll(histories, acknowledged);
    assertPrefixes(histories, all);
    await assertAllTrue(service, journalOf(journal, histories));
  });
});

describe("an import into the cluster store", () => {
  it("that is killed in the middle, again and again, is gone on with: all is there, and nothing twice", async () => {
    await using keyspace = await freshKeyspace("transfer");
    await using directory = await temporaryDirectory();
    const [file, back] = [`${directory.path}/all.jsonl`, `${directory.path}/back.jsonl`];
    const cluster = copyOn(keyspace.name, QUIET);
    await Deno.writeTextFile(file, await largeExport());
    await using copy = await startService(cluster);
    const total = LARGE.accounts * (1 + LARGE.deposits);
    await using store = openStored(keyspace.name);
    for (const appends of [60, 120, 180]) {
      await using proxy = startProxy({ target: cassandraAddress() });
      proxy.delayRequests({ ...APPEND, count: appends, ms: 0 });
      const next = proxy.holdRequests(APPEND);
      const through = copyOn(keyspace.name, { ...QUIET, SCYLLA_NODES: proxy.address });
      await using program = startTask("import", { ...through, args: [file] });
      await within(next.arrived, HALF_WAY_MS, `${appends} appends of the import`);
      program.kill("SIGKILL");
      assertEquals((await program.exited).signal, "SIGKILL", program.stdout + program.stderr);
    }
    const left = total - await store.count();
    const told = await succeeds("import", { ...cluster, args: [file] });
    const [, imported = ""] = /, (\d+) of them new\.$/m.exec(told) ?? [];
    assertStringIncludes(told, `The store has the ${total} events of ${LARGE.accounts} aggregates of ${file}, `);
    assert(Number(imported) > 0 && Number(imported) <= left, `expected at most ${left}, found ${told}`);
    await succeeds("export", { ...cluster, args: [back] });
    assertEquals(await aggregatesIn(back), await aggregatesIn(file));
    const histories = await readHistories(copy, accountsOfLarge.map(({ aggregateId }) => `/accounts/${aggregateId}`));
    const tokens = [...histories.values()].flatMap((history) => history.slice(-1)).map(tokenOf);
    const view = await readView(copy, "account_balances", tokens);
    const expected = accountsOfLarge.map(({ aggregateId: id }) => [id, 100 + LARGE.deposits, 1 + LARGE.deposits]);
    const found = [...view.values()].map(({ id, balance, version }) => [id, balance, version]);
    assertEquals(found.toSorted(), expected.toSorted());
  });
});

/** What the service showed in the end. */
async function write(directory: string, journal: Journal): Promise<Awaited<ReturnType<typeof shownBy>>> {
  await using service = await startService({ directory });
  const seed = printedSeed("transfer_cluster_test");
  const writers = new Writers(journal, { seed, count: 8, customers: true });
  await writers.write(service, () => journal.entries.length >= ENTRIES);
  assert(journal.count("acknowledged") > ENTRIES / 2);
  const shown = await shownBy(service, journal);
  assertEquals((await service.end("SIGTERM")).code, 0);
  return shown;
}

/** So large that nobody who watches it misses the middle. */
async function largeExport(): Promise<string> {
  const storage = createMemoryStorage();
  const event = (eventType: string, data: Fields) => sampleEvent({ eventType, data, correlationId: nextId() });
  for (const account of accountsOfLarge) {
    const opened = event("AccountOpened", { owner: "Alice", initial_balance: 100 });
    const deposits = Array.from({ length: LARGE.deposits }, () => event("MoneyDeposited", { amount: 1 }));
    await storage.store.append(account, { expectedVersion: 0, events: [opened, ...deposits] });
  }
  return await exported(storage);
}

type Stored = AsyncDisposable & { readonly count: () => Promise<number> };

/** How many events are in the keyspace. */
function openStored(keyspace: string): Stored {
  const client = clientOf(keyspace);
  return {
    async count() {
      const { rows } = await client.execute("SELECT COUNT(sequence_number) AS stored FROM event_store");
      return Number(rows[0]?.["stored"]);
    },
    [Symbol.asyncDispose]: () => client.shutdown(),
  };
}
