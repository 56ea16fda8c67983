import { assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { LAYOUT } from "../../../plugins/storage_scylla/partitions.ts";
import type { TestCopy } from "../../../plugins/storage_scylla/test_feed.ts";
import { openReader, type Reader } from "../../contract/change_source.ts";
import { sampleEvents, streamOf } from "../../contract/samples.ts";
import { type Chance, chanceOf, printedSeed } from "../../service/chance.ts";
import { Dice } from "./dice.ts";
import { type LogCluster, logClusters } from "./log_rig.ts";
import { realRuntime, within } from "../../contract/surroundings.ts";

/** `CDC_CASES=20000` for a long run. */
const CASES = Number(Deno.env.get("CDC_CASES") ?? 1_000);
const AT_ONCE = 32;
const SUBSCRIPTIONS = ["dice_one", "dice_two", "dice_three"];
const STREAMS = 16;
const SWITCH_EVERY_MS = 2_000;
/** Many times what it takes where nothing else runs. */
const LIMIT_MS = 60_000 + CASES * 150;

/** Commits of one aggregate, as numbers of events. */
type Scenario = { readonly id: string; readonly commits: readonly number[] };

describe("three subscriptions fed by a log that dice have written", () => {
  const clusters = logClusters();
  afterAll(() => clusters.close());

  it(`have every event of ${CASES} cases, in order per aggregate, without a gap`, async () => {
    const seed = printedSeed("dice_cluster_test");
    const chance = chanceOf(seed);
    const dice = new Dice();
    await using cluster = await clusters.open({ streams: STREAMS, chance: chanceOf(seed + 1), fateOf: dice.fateOf });
    const writer = await cluster.serving();
    const copy = await cluster.reading();
    assertEquals(copy.leases.owned().length, LAYOUT.slices);
    const scenarios = Array.from({ length: CASES }, (_, at) => scenarioOf(chance, at));
    const events = scenarios.reduce((sum, { commits }) => sum + total(commits), 0);
    const began = performance.now();
    const readers = await Promise.all(SUBSCRIPTIONS.map((name) => openReader(copy, { name })));
    const reading = readers.map((reader) => within(reader.until(events), LIMIT_MS, "all to be told"));
    await Promise.all([...reading, writeAll(cluster, writer, scenarios)]);
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    for (const reader of readers) checkAll(reader, scenarios);
    console.log(`${CASES} cases, ${events} events, to ${readers.length} subscriptions in ${seconds} s`);
    console.log(Object.fromEntries(dice.counts));
    for (const reader of readers) await reader[Symbol.asyncDispose]();
    if (cluster.writer !== undefined) assertEquals(dice.missing, []);
  });
});

function scenarioOf(chance: Chance, at: number): Scenario {
  const commits = Array.from({ length: chance.between(1, 4) }, () => chance.between(1, 3));
  return { id: `case-${at}`, commits };
}

/** Many scenarios side by side, while the streams of the log change again and again. */
async function writeAll(cluster: LogCluster, writer: TestCopy, scenarios: readonly Scenario[]): Promise<void> {
  const waiting = scenarios.values();
  const done = new AbortController();
  const switching = switchSets(cluster, done.signal);
  const work = async () => {
    for (const scenario of waiting) await write(writer, scenario);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work)).finally(() => done.abort());
  await switching;
}

async function write({ store }: TestCopy, { id, commits }: Scenario): Promise<void> {
  let expectedVersion = 0;
  for (const count of commits) {
    assertEquals(await store.append(streamOf(id), { expectedVersion, events: sampleEvents(count) }), "applied");
    expectedVersion += count;
  }
}

async function switchSets({ writer }: LogCluster, signal: AbortSignal): Promise<void> {
  while (writer !== undefined && !signal.aborted) {
    await realRuntime.sleep(SWITCH_EVERY_MS, { signal }).catch(() => {});
    if (!signal.aborted) await writer.beginSet(STREAMS, { afterMs: 300 });
  }
}

function checkAll(reader: Reader, scenarios: readonly Scenario[]): void {
  const told = Map.groupBy(reader.told, ({ aggregateId }) => aggregateId);
  for (const { id, commits } of scenarios) {
    const expected = Array.from({ length: total(commits) }, (_, at) => at + 1);
    assertEquals(told.get(id)?.map(({ sequenceNumber }) => sequenceNumber), expected, id);
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
