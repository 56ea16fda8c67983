import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import type { Changes } from "../../core/ports/change_log.ts";
import { openReader, type Reader, readSoon } from "../../tests/contract/change_source.ts";
import { parkedOf } from "../../tests/contract/read_model_samples.ts";
import { appendNext, placeOf, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { minuteOf } from "./feed/times.ts";
import { LAYOUT } from "./partitions.ts";
import type { CqlSession, Statement } from "./session.ts";
import { type CopyOptions, type TestCluster, testCluster, type TestCopy } from "./test_feed.ts";
import { until } from "../../tests/contract/surroundings.ts";

const LONG_MS = 20 * 60_000;
const QUICK_AUDIT = { auditMs: [20, 20], auditReadsPerSecond: 100_000, checkAgainMs: [20, 50] } as const;
const IDS = Array.from({ length: 24 }, (_, at) => `stream-${at}`);

describe("the audit of the feed of storage_scylla", () => {
  const clusters = testCluster();
  afterAll(() => clusters.close());

  /** A copy with all slices, whose clock can be put forward so far that all is long ago. */
  async function auditing(cluster: TestCluster, options: CopyOptions = {}) {
    let aheadMs = 0;
    const copy = await cluster.copy({ rings: false, times: QUICK_AUDIT, aheadMs: () => aheadMs, ...options });
    await copy.owns(LAYOUT.slices);
    return Object.assign(copy, { age: () => void (aheadMs = LONG_MS) });
  }

  /** A copy that tells nobody of what it appends: neither its feed nor, by an announcement, others. */
  function silent(cluster: TestCluster, options: CopyOptions = {}): Promise<TestCopy> {
    return cluster.copy({ claim: false, rings: false, session: withoutAnnouncements(cluster.session), ...options });
  }

  it("finds, counts once and shows once what was neither announced nor told", async () => {
    await using cluster = await clusters.open();
    const copy = await auditing(cluster);
    const writer = await silent(cluster);
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    await whenPassed(copy, "sample_v1", 0);
    await appendNext(writer.store, streamOf("a"), sampleEvents(2));
    await appendNext(writer.store, streamOf("b"), sampleEvents(1));
    copy.age();
    const pages = await readSoon(reader, 4, { commits: false });
    await audits(copy, 2);
    for (const page of pages) await reader.commit(page);
    await audits(copy, 2);
    await appendNext(copy.store, streamOf("c"), sampleEvents(1));
    copy.source.ring(streamOf("c"));
    const later = await reader.until(5);
    assertEquals(placesOf([...pages, ...later]), ["a/2", "a/3", "b/1", "c/1"]);
    assertEquals(missedBy(copy), { "sample_v1": 3 });
  });

  it("shows a stream to its end across the borders of its buckets", async () => {
    await using cluster = await clusters.open();
    const layout = { ...LAYOUT, bucketEvents: 4 };
    const copy = await auditing(cluster, { layout });
    const writer = await silent(cluster, { layout });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("b"), sampleEvents(1));
    await reader.until(1);
    await whenPassed(copy, "sample_v1", 0);
    for (let count = 0; count < 25; count += 1) await appendNext(writer.store, streamOf("a"), sampleEvents(3));
    copy.age();
    const pages = await readSoon(reader, 76);
    await audits(copy, 2);
    assertEquals(placesOf(pages), Array.from({ length: 75 }, (_, at) => `a/${at + 1}`).toSorted());
    const { sample_v1: counted = 0 } = missedBy(copy);
    assertGreater(counted, 0);
    assertLessOrEqual(counted, 75, "no event twice, though it has a bucket beside others");
  });

  it("counts nothing of subscriptions at work: behind, with parked aggregates, or just being born", async () => {
    await using cluster = await clusters.open();
    const copy = await auditing(cluster);
    const others = await Promise.all([1, 2].map(() => cluster.copy({ claim: false, rings: false })));
    await using prompt = await openReader(copy, { name: "prompt_v1" });
    await using slow = await openReader(copy, { name: "slow_v1" });
    for (const reader of [prompt, slow]) {
      await appendNext(copy.store, streamOf("first"), sampleEvents(1));
      await reader.until(1);
    }
    const writing = others.map(({ store }, at) => write(store, IDS.filter((_, id) => id % 2 === at)));
    const total = 2 + IDS.length * 6;
    const read = Promise.all([follow(prompt, total), slow.until(total, { commits: false })]);
    await Promise.all(writing);
    const [, behind] = await read;
    copy.age();
    await whenPassed(copy, "prompt_v1");
    await audits(copy, 2);
    await using born = await openReader(copy, { name: "born_v1" });
    const shown = await born.until(total, { commits: false });
    await audits(copy, 2);
    for (const [reader, pages] of [[slow, behind], [born, shown]] as const) {
      for (const page of pages) await reader.commit(page);
    }
    await Promise.all([whenPassed(copy, "slow_v1"), whenPassed(copy, "born_v1")]);
    await audits(copy, 2);
    assertEquals(missedBy(copy), {});
  });
});

async function write(store: TestCopy["store"], ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map(async (id) => {
    for (let count = 0; count < 3; count += 1) await appendNext(store, streamOf(id), sampleEvents(2));
  }));
}

/** Makes each page durable, and parks an aggregate on the way. */
async function follow(reader: Reader, count: number): Promise<void> {
  const parked = parkedOf("stream-0", { from: 1, through: 1 });
  let isParked = false;
  while (reader.told.length < count) {
    for (const page of await reader.until(reader.told.length + 1, { commits: false })) {
      const parks: boolean = !isParked && page.events.some(({ aggregateId }) => aggregateId === parked.aggregateId);
      await reader.commit(page, parks ? { park: [parked] } : {});
      isParked ||= parks;
    }
  }
}

function withoutAnnouncements(session: CqlSession): CqlSession {
  return {
    ...session,
    async execute(statement: Statement, options) {
      if (statement.cql.startsWith("INSERT INTO outbox_messages")) return [];
      return await session.execute(statement, options);
    },
  };
}

function placesOf(pages: readonly Changes[]): readonly string[] {
  return pages.flatMap(({ events }) => events.map(placeOf)).toSorted();
}

/** How many events of each subscription the log says were missed. */
function missedBy({ log }: TestCopy): Record<string, number> {
  const missed: Record<string, number> = {};
  for (const { level, fields } of log.lines) {
    if (level !== "warn" || !isMissed(fields)) continue;
    missed[fields.subscription] = (missed[fields.subscription] ?? 0) + fields.events;
  }
  return missed;
}

function isMissed(fields: unknown): fields is { readonly subscription: string; readonly events: number } {
  return typeof fields === "object" && fields !== null && "subscription" in fields && "events" in fields;
}

/** So many audits have begun and ended since. */
async function audits({ log }: TestCopy, count: number): Promise<void> {
  const ended = () => log.lines.filter(({ message }) => message === "An audit of the feed has ended").length;
  const before = ended();
  await until(() => ended() > before + count);
}

/** All slices have a low water behind a minute: without one, behind all that was announced before the clock's jump. */
async function whenPassed({ leases, clock }: TestCopy, subscription: string, minute?: number): Promise<void> {
  const passed = minute ?? minuteOf(clock.nowMs() - LONG_MS) + 6;
  for (let slice = 0; slice < LAYOUT.slices; slice += 1) {
    await until(() => (leases.lowWater(slice, subscription) ?? 0) > passed);
  }
}
