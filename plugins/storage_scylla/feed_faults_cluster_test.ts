import { assert, assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { openReader } from "../../tests/contract/change_source.ts";
import { appendNext, placeOf, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { SETTLED } from "./feed/slice_sweep.ts";
import { minuteOf } from "./feed/times.ts";
import { LAYOUT, sliceOf } from "./partitions.ts";
import type { CqlSession } from "./session.ts";
import { type CopyOptions, type TestCluster, testCluster, type TestCopy } from "./test_feed.ts";
import { realRuntime, within } from "../../tests/contract/surroundings.ts";
import { until } from "../../tests/contract/surroundings.ts";

const MINUTE_MS = 60_000;
/** Far longer than it takes; what only a later look finds comes after that. */
const SOON_MS = 8_000;
/** And yet so patient that it shuts out no commit that nobody holds up, however busy the server is. */
const IMPATIENT = { serialAfterMs: 100, fenceAfterMs: 3_000, lookAgainMs: [20, 50] };
const A = sliceOf(streamOf("a"), LAYOUT.slices);

describe("the feed of storage_scylla", () => {
  const clusters = testCluster();
  afterAll(() => clusters.close());

  async function owner(cluster: TestCluster, options?: CopyOptions): Promise<TestCopy> {
    const copy = await cluster.copy(options);
    await copy.owns(LAYOUT.slices);
    return copy;
  }

  it("shuts out a commit that is held up behind its announcement: nothing is lost, nothing told twice", async () => {
    await using cluster = await clusters.open();
    const gate = Promise.withResolvers<void>();
    const held = holdingBatches(cluster.session, () => gate.promise);
    const writer = await cluster.copy({ claim: false, rings: false, session: held });
    const copy = await owner(cluster, { times: IMPATIENT, rings: false });
    await using reader = await openReader(copy);
    const late = writer.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    await until(async () => await fenceOf(cluster.session, "a") !== null);
    gate.resolve();
    assertEquals(await late, "conflict");
    assertEquals(await copy.store.version(streamOf("a")), 0);
    await appendNext(writer.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    assertEquals(reader.told.map(placeOf), ["a/1"]);
  });

  it("waits for a commit that is slow, and holds up no other for it", async () => {
    await using cluster = await clusters.open();
    const gate = Promise.withResolvers<void>();
    const writer = await cluster.copy({
      ...{ claim: false, rings: false },
      session: holdingBatches(cluster.session, () => gate.promise),
    });
    const copy = await owner(cluster, { rings: false });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("b"), sampleEvents(1));
    await reader.until(1);
    const slow = writer.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(2) });
    await until(async () => (await announcedIn(cluster.session)) === 2);
    await appendNext(copy.store, streamOf("b"), sampleEvents(1));
    await reader.until(2);
    gate.resolve();
    assertEquals(await slow, "applied");
    await reader.until(4);
    assertEquals(reader.told.map(placeOf), ["b/1", "b/2", "a/1", "a/2"]);
  });

  it("finds what was announced by a clock that is behind, when it reads the minute again", async () => {
    await using cluster = await clusters.open();
    let aheadMs = 0;
    const copy = await owner(cluster, { rings: false, aheadMs: () => aheadMs });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("b"), sampleEvents(1));
    await reader.until(1);
    let behindMs = 0;
    const runtime = { ...realRuntime, monotonicMs: () => realRuntime.monotonicMs() - behindMs };
    const writer = await cluster.copy({ claim: false, rings: false, runtime });
    behindMs = 20_000;
    await appendNext(writer.store, streamOf("a"), sampleEvents(1));
    aheadMs = MINUTE_MS + 6_000;
    await reader.until(2);
    assertEquals(reader.told.map(placeOf), ["b/1", "a/1"]);
  });

  it("passes no minute in which a commit may come, nor one that a subscription has not done durably", async () => {
    await using cluster = await clusters.open();
    let aheadMs = 0;
    const gate = Promise.withResolvers<void>();
    const session = holdingBatches(cluster.session, () => gate.promise);
    const writer = await cluster.copy({ claim: false, rings: false, session });
    const times = { fenceAfterMs: 60_000, checkAgainMs: [20, 50] as const };
    const copy = await owner(cluster, { aheadMs: () => aheadMs, times });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("b"), sampleEvents(1));
    await reader.until(1);
    const late = writer.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    await until(async () => (await announcedIn(cluster.session)) === 2);
    const minute = minuteOf(copy.clock.nowMs());
    const B = sliceOf(streamOf("b"), LAYOUT.slices);
    const told = reader.until(2, { commits: false });
    aheadMs = 13 * MINUTE_MS;
    await until(() => (copy.leases.lowWater(B, SETTLED) ?? 0) > minute);
    await until(() => (copy.leases.lowWater(B, "sample_v1") ?? 0) > minute);
    assert((copy.leases.lowWater(A, SETTLED) ?? 0) <= minute);
    gate.resolve();
    assertEquals(await late, "applied");
    const [page] = await told;
    await until(() => (copy.leases.lowWater(A, SETTLED) ?? 0) > minute);
    assert((copy.leases.lowWater(A, "sample_v1") ?? 0) <= minute);
    await reader.commit(page);
    await until(() => (copy.leases.lowWater(A, "sample_v1") ?? 0) > minute);
  });

  it("loses nothing of what it had no room for", async () => {
    await using cluster = await clusters.open();
    const copy = await owner(cluster, { queue: { aggregates: 4, bytes: 10_000 } });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    const ids = Array.from({ length: 30 }, (_, at) => `stream-${at}`);
    for (const id of ids) await appendNext(copy.store, streamOf(id), sampleEvents(2));
    await reader.until(61);
    for (const id of ids) assertEquals(reader.numbersOf(id), [1, 2]);
  });

  it("tells a new subscription all there is, when nothing of it is announced any more", async () => {
    await using cluster = await clusters.open();
    const first = await owner(cluster);
    for (const id of ["a", "b", "c"]) await appendNext(first.store, streamOf(id), sampleEvents(3));
    await first[Symbol.asyncDispose]();
    await cluster.session.define("TRUNCATE outbox_messages");
    const copy = await owner(cluster);
    await using reader = await openReader(copy);
    await within(reader.until(9), SOON_MS, "9 events");
    for (const id of ["a", "b", "c"]) assertEquals(reader.numbersOf(id), [1, 2, 3]);
    await until(() => copy.leases.lowWater(A, "sample_v1") !== undefined);
  });

  it("keeps no low water of a new subscription before all that its scan has found is durable", async () => {
    await using cluster = await clusters.open();
    const copy = await owner(cluster);
    await appendNext(copy.store, streamOf("a"), sampleEvents(3));
    await using reader = await openReader(copy);
    const [page] = await reader.until(3, { commits: false });
    // Long enough for a scan of so little, and for what follows it.
    for (let looks = 0; looks < 20; looks += 1) {
      await nextLook();
      assertEquals(copy.leases.lowWater(A, "sample_v1"), undefined);
    }
    await reader.commit(page);
    await until(() => copy.leases.lowWater(A, "sample_v1") !== undefined);
  });

  const damages = {
    "is deleted": (_now: number) => new Map<string, bigint>(),
    "is of long ago": (now: number) => new Map([["sample_v1", BigInt(now - 9_000)], [SETTLED, BigInt(now - 9_000)]]),
    "is in the future": (now: number) => new Map([["sample_v1", BigInt(now + 100)], [SETTLED, BigInt(now + 100)]]),
  };
  for (const [damage, lowWater] of Object.entries(damages)) {
    it(`goes on behind its watermarks when the low water ${damage}`, async () => {
      await using cluster = await clusters.open();
      const first = await owner(cluster);
      await using before = await openReader(first);
      for (const id of ["a", "b"]) await appendNext(first.store, streamOf(id), sampleEvents(2));
      await before.until(4);
      await before[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
      for (const id of ["b", "c"]) await appendNext(first.store, streamOf(id), sampleEvents(1));
      await setLowWater(cluster, lowWater(minuteOf(first.clock.nowMs())));
      await using after = await openReader(await owner(cluster));
      await within(after.until(2), SOON_MS, "2 events");
      await appendNext(first.store, streamOf("a"), sampleEvents(1));
      await within(after.until(3), SOON_MS, "3 events");
      assertEquals(after.told.map(placeOf).toSorted(), ["a/3", "b/3", "c/1"]);
    });
  }

  it("scans when its low water is of before what is still announced", async () => {
    await using cluster = await clusters.open();
    const first = await owner(cluster);
    await using before = await openReader(first);
    await appendNext(first.store, streamOf("a"), sampleEvents(2));
    await before.until(2);
    await before[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    for (const id of ["a", "b"]) await appendNext(first.store, streamOf(id), sampleEvents(1));
    await cluster.session.define("TRUNCATE outbox_messages");
    await setLowWater(cluster, damages["is of long ago"](minuteOf(first.clock.nowMs())));
    await using after = await openReader(await owner(cluster));
    await within(after.until(2), SOON_MS, "2 events");
    assertEquals(after.told.map(placeOf).toSorted(), ["a/3", "b/1"]);
  });

  it("tells a commit that comes at the moment in which it was to be shut out", async () => {
    await using cluster = await clusters.open();
    const gate = Promise.withResolvers<void>();
    const session = holdingBatches(cluster.session, () => gate.promise);
    const writer = await cluster.copy({ claim: false, rings: false, session });
    const late = Promise.withResolvers<string>();
    const reads = countingReads(cluster.session);
    const fencing: CqlSession = {
      ...reads.session,
      async execute(statement, options) {
        if (statement.cql.startsWith("UPDATE event_store SET fence")) {
          gate.resolve();
          await late.promise;
        }
        return await cluster.session.execute(statement, options);
      },
    };
    const copy = await owner(cluster, { times: IMPATIENT, rings: false, session: fencing });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("b"), sampleEvents(1));
    await reader.until(1);
    await reads.rest();
    writer.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) }).then(late.resolve, late.reject);
    assertEquals(await late.promise, "applied");
    await within(reader.until(2), SOON_MS, "2 events");
    assertEquals(reader.told.map(placeOf), ["b/1", "a/1"]);
  });

  it("tells a new subscription from the first event on, whichever it hears of first", async () => {
    await using cluster = await clusters.open();
    const gate = Promise.withResolvers<void>();
    const session: CqlSession = {
      ...cluster.session,
      async *pages(statement, options) {
        if (statement.cql.includes("FROM event_store WHERE token")) await gate.promise;
        yield* cluster.session.pages(statement, options);
      },
    };
    const copy = await owner(cluster, { rings: false, session });
    await using other = await openReader(copy, { name: "other_v1" });
    const seen = other.until(3);
    for (let count = 0; count < 3; count += 1) await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    await seen;
    await using reader = await openReader(copy);
    const told = reader.until(4);
    await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    await within(told, SOON_MS, "what it is told").finally(gate.resolve);
    assertEquals(reader.told.map(placeOf), ["a/1", "a/2", "a/3", "a/4"]);
  });

  it("finds what is announced late in the minute's later reads, and passes it only after the last", async () => {
    await using cluster = await clusters.open();
    const reads = countingReads(cluster.session);
    let aheadMs = 0;
    const copy = await owner(cluster, { rings: false, aheadMs: () => aheadMs, session: reads.session });
    const writer = await cluster.copy({ claim: false, rings: false });
    await using reader = await openReader(copy);
    await appendNext(writer.store, streamOf("b"), sampleEvents(1));
    await reader.until(1);
    await reads.rest();
    aheadMs = MINUTE_MS / 2;
    await reads.polls(2);
    const minute = minuteOf(writer.clock.nowMs());
    await appendNext(writer.store, streamOf("a"), sampleEvents(1));
    aheadMs = MINUTE_MS + 6_000;
    await within(reader.until(2), SOON_MS, "2 events");
    aheadMs = 2 * MINUTE_MS + 6_000;
    await reads.rest();
    await appendNext(writer.store, streamOf("a"), sampleEvents(1));
    await reads.rest();
    assert((copy.leases.lowWater(A, SETTLED) ?? 0) <= minute);
    aheadMs = 13 * MINUTE_MS;
    await within(reader.until(3), SOON_MS, "3 events");
    await until(() => (copy.leases.lowWater(A, SETTLED) ?? 0) > minute);
    assertEquals(reader.told.map(placeOf), ["b/1", "a/1", "a/2"]);
  });

  it("passes no minute for a subscription that was shown it and has not made it durable", async () => {
    await using cluster = await clusters.open();
    let aheadMs = 0;
    const copy = await owner(cluster, { aheadMs: () => aheadMs, times: { checkAgainMs: [20, 50] } });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    await until(() => copy.leases.lowWater(A, "sample_v1") !== undefined);
    const minute = minuteOf(copy.clock.nowMs());
    await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    const [last] = await reader.until(2, { commits: false });
    aheadMs = 13 * MINUTE_MS;
    await until(() => (copy.leases.lowWater(A, SETTLED) ?? 0) > minute + 1);
    // Long enough for some checks.
    for (let looks = 0; looks < 20; looks += 1) {
      await nextLook();
      assert((copy.leases.lowWater(A, "sample_v1") ?? 0) <= minute + 1);
    }
    await reader.commit(last);
    await until(() => (copy.leases.lowWater(A, "sample_v1") ?? 0) > minute + 1);
  });

  it("finds again what it had no room for, by itself", async () => {
    await using cluster = await clusters.open();
    const reads = countingReads(cluster.session);
    const copy = await owner(cluster, { queue: { aggregates: 4, bytes: 10_000 }, session: reads.session });
    await using reader = await openReader(copy);
    await appendNext(copy.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    await reads.rest();
    for (let at = 0; at < 20; at += 1) await appendNext(copy.store, streamOf(`stream-${at}`), sampleEvents(1));
    await within(reader.until(21), SOON_MS, "21 events");
  });
});

const QUIET_LOOKS = 30;

/** The session, with the reads of whole minutes and the polls over it counted. */
function countingReads(session: CqlSession) {
  const counts = { minutes: 0, polls: 0 };
  return {
    session: {
      ...session,
      pages(statement, options) {
        if (statement.cql.endsWith("AND minute = ?")) counts.minutes += 1;
        if (statement.cql.endsWith("AND at > ?")) counts.polls += 1;
        return session.pages(statement, options);
      },
    } satisfies CqlSession,
    /** Resolves once no minute is being read any more. */
    async rest() {
      for (let quiet = 0, before = -1; quiet < QUIET_LOOKS; quiet += 1) {
        if (counts.minutes !== before) quiet = 0;
        before = counts.minutes;
        await nextLook();
      }
    },
    async polls(more: number) {
      const wanted = counts.polls + more;
      await until(() => counts.polls >= wanted);
    },
  };
}

async function setLowWater({ session, scope }: TestCluster, lowWater: Map<string, bigint>): Promise<void> {
  for (let slice = 0; slice < LAYOUT.slices; slice += 1) {
    const cql = "UPDATE leases SET low_water = ? WHERE scope = ? AND slice = ? IF EXISTS";
    const [row] = await session.execute({ cql, values: [lowWater, scope, slice] });
    assertEquals(row?.["[applied]"], true);
  }
}

function holdingBatches(session: CqlSession, held: () => Promise<void>): CqlSession {
  return {
    ...session,
    async batch(statements) {
      await held();
      return await session.batch(statements);
    },
  };
}

async function fenceOf(session: CqlSession, id: string): Promise<unknown> {
  const cql = "SELECT DISTINCT fence FROM event_store WHERE aggregate_type = ? AND aggregate_id = ? AND bucket = 0";
  const [row] = await session.execute({ cql, values: ["counter", id] });
  return row?.["fence"] ?? null;
}

async function announcedIn(session: CqlSession): Promise<number> {
  return (await session.execute({ cql: "SELECT commit_id FROM outbox_messages", values: [] })).length;
}

function nextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
