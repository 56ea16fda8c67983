import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { announce } from "./announcements.ts";
import { DatabaseClock } from "./database_clock.ts";
import { LAYOUT } from "./partitions.ts";
import type { CqlRow, CqlSession, Statement } from "./session.ts";

const START_MS = Date.UTC(2026, 10, 21);

describe("DatabaseClock", () => {
  it("takes the way of the answer into account, by the shortest of some", async () => {
    const rig = openRig({ aheadMs: 5_000, waysMs: [[900, 10], [5, 15], [0, 700]] });
    const clock = await rig.clock();
    // Read 5 ms after it was asked for, of 20, and taken for read after 10.
    assertEquals(rig.databaseMs() - clock.nowMs(), 5);
    await rig.pass(123_456);
    assertEquals(rig.databaseMs() - clock.nowMs(), 5);
  });

  it("goes on by the monotonic clock, and not by the wall's", async () => {
    const rig = openRig({ aheadMs: 0 });
    const clock = await rig.clock();
    rig.setWall(30_000);
    await rig.pass(1_000);
    assertEquals(clock.nowMs(), rig.databaseMs());
    assertEquals(clock.skewMs(), 30_000);
  });

  it("refuses commands beyond a minute on either side, until it is measured better", async () => {
    const rig = openRig({ aheadMs: 0 });
    const clock = await rig.clock();
    for (const [wallMs, found] of [[60_001, "60 s ahead of"], [-61_000, "61 s behind"]] as const) {
      rig.setWall(wallMs);
      assertThrows(() => clock.requireAgreement(), Unavailable, found);
      assertEquals(clock.health().status, "fail");
    }
    for (const wallMs of [60_000, -60_000]) {
      rig.setWall(wallMs);
      clock.requireAgreement();
      assertEquals(clock.health(), { status: "pass" });
    }
    rig.setWall(90_000);
    rig.setDatabase(90_000);
    assertThrows(() => clock.requireAgreement(), Unavailable);
    await clock.measure();
    clock.requireAgreement();
  });

  it("believes no answer that took too long, and keeps what it knew", async () => {
    const rig = openRig({ aheadMs: 0 });
    const clock = await rig.clock();
    rig.setDatabase(7_000);
    rig.ways.push([1_500, 1_500], [2_000, 1], [1, 2_000]);
    await assertRejects(() => rig.while(() => clock.measure()), Unavailable, "expected an answer in 2000 ms");
    assertEquals(rig.databaseMs() - clock.nowMs(), 7_000);
  });
});

describe("announce", () => {
  const stream = { aggregateType: "account", aggregateId: "a" };
  const head = { version: 7, bucket: 0, cond: 7, fence: null };

  async function announceOn(rig: Rig, clock: DatabaseClock): Promise<void> {
    const parts = { session: rig.session, runtime: rig.runtime, clock, layout: LAYOUT };
    await announce(parts, { stream, head, commitId: "00000000-0000-7000-8000-000000000001", count: 2 });
  }

  it("tells the moment and the minute of the database's time", async () => {
    const rig = openRig({ aheadMs: 59_000 });
    const clock = await rig.clock();
    await announceOn(rig, clock);
    const atMs = START_MS + 59_000;
    assertEquals(rig.written.map(({ values }) => values.slice(1, 3)), [[BigInt(atMs / 60_000 | 0), new Date(atMs)]]);
  });

  for (const [what, sleepMs, wallMs] of [["the monotonic", 60_001, 0], ["only the wall's", 10, 60_000]] as const) {
    it(`tells again what took over a minute, by ${what} clock`, async () => {
      const rig = openRig({ aheadMs: 0 });
      const clock = await rig.clock();
      rig.ways.push([0, sleepMs]);
      rig.onAnswer.push(() => rig.setWall(wallMs));
      await rig.while(() => announceOn(rig, clock));
      const moments = rig.written.map(({ values }) => values[2]);
      assertEquals(moments, [new Date(START_MS), new Date(START_MS + sleepMs)]);
    });
  }

  it("gives up when it is held up again and again", async () => {
    const rig = openRig({ aheadMs: 0 });
    const clock = await rig.clock();
    rig.ways.push([61_000, 0], [0, 61_000], [40_000, 40_000]);
    await assertRejects(() => rig.while(() => announceOn(rig, clock)), Unavailable, "held up longer");
    assertEquals(rig.written.length, 3);
  });
});

type Rig = ReturnType<typeof openRig>;

/** A database whose clock is ahead, at the other end of ways that take so long: there and back. */
function openRig({ aheadMs, waysMs = [] }: { aheadMs: number; waysMs?: readonly [number, number][] }) {
  const virtual = virtualRuntime({ seed: 1, startAt: START_MS });
  const ways = [...waysMs];
  const written: Statement[] = [];
  const onAnswer: (() => void)[] = [];
  let wallMs = 0;
  let databaseAheadMs = aheadMs;
  const runtime: Runtime = { ...virtual, now: () => virtual.now() + wallMs };
  const databaseMs = () => START_MS + virtual.monotonicMs() + databaseAheadMs;

  async function execute(statement: Statement): Promise<readonly CqlRow[]> {
    const [thereMs, backMs] = ways.shift() ?? [0, 0];
    if (thereMs > 0) await virtual.sleep(thereMs);
    const now = new Date(databaseMs());
    if (statement.cql.startsWith("INSERT")) written.push(statement);
    if (backMs > 0) await virtual.sleep(backMs);
    onAnswer.shift()?.();
    return [{ now }];
  }

  const session: CqlSession = {
    execute,
    batch: () => Promise.resolve([]),
    async *pages() {},
    define: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  /** Lets time pass until the work is done. */
  const during = async <T>(work: () => Promise<T>): Promise<T> => {
    let isDone = false;
    const done = work().finally(() => isDone = true);
    done.catch(() => {});
    for (let turns = 0; !isDone; turns += 1) {
      assert(turns < 1_000, "the work does not end");
      await virtual.advance(1_000);
    }
    return await done;
  };
  return {
    session,
    runtime,
    ways,
    written,
    onAnswer,
    databaseMs,
    setWall: (ms: number) => wallMs = ms,
    setDatabase: (ms: number) => databaseAheadMs = ms,
    pass: (ms: number) => virtual.advance(ms),
    while: during,
    clock: () =>
      waysMs.length === 0 ? DatabaseClock.start(session, runtime) : during(() => DatabaseClock.start(session, runtime)),
  };
}
