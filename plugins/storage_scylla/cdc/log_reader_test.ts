import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import type { CqlRow } from "../session.ts";
import { LogReader } from "./log_reader.ts";
import { LOG_TIMES } from "./log_times.ts";
import { TEST_LAYOUT, TestLog } from "./test_log.ts";

const START_MS = Date.UTC(2026, 10, 21);
const IDLE_MS = 100;
const NEVER = new AbortController().signal;
const { shortOverlapMs, overlapMs, busyLookMs, windowMs, furthestBackMs } = LOG_TIMES;

describe("a reader of the log", () => {
  it("looks from where it looked before, always a little further back, and far back now and then", async () => {
    await using rig = openRig();
    await rig.runtime.advance(1_050);
    const [first, second, ...later] = rig.log.asked;
    assertEquals(first?.fromMs, START_MS - overlapMs);
    assertEquals(second?.fromMs, START_MS - shortOverlapMs);
    assertEquals(later.filter(({ fromMs }) => fromMs < START_MS - shortOverlapMs).length, 1);
    assertEquals(later.every(({ toMs }) => toMs === undefined), true);
    assertEquals(rig.reader.trouble, undefined);
  });

  it("looks more often while something comes, and less often again when nothing does", async () => {
    await using rig = openRig();
    await rig.runtime.advance(2_000);
    const idle = rig.log.asked.length;
    assertGreater(idle, 15);
    assertLess(idle, 25);
    for (let elapsedMs = 0; elapsedMs < 1_000; elapsedMs += busyLookMs) {
      rig.log.pages = [[{}]];
      await rig.runtime.advance(busyLookMs);
    }
    assertGreater(rig.log.asked.length - idle, 17);
    const busy = rig.log.asked.length;
    await rig.runtime.advance(2_000);
    assertLess(rig.log.asked.length - busy, 25);
  });

  it("repeats a look that failed from the same place, also when it had found something", async () => {
    for (const fault of ["isAway", "isTorn"] as const) {
      await using rig = openRig();
      await rig.runtime.advance(10);
      const placeMs = rig.reader.placeMs;
      rig.log[fault] = true;
      rig.log.pages = [[{}]];
      await rig.runtime.advance(5_000);
      assertEquals(rig.reader.placeMs, placeMs);
      assert(rig.reader.trouble?.includes("nobody answers"));
      rig.log[fault] = false;
      rig.log.asked.length = 0;
      await rig.runtime.advance(500);
      assert((rig.log.asked[0]?.fromMs ?? Infinity) < placeMs, "expected no gap behind the outage");
      assertEquals(rig.reader.trouble, undefined);
    }
  });

  it("takes all pages of a look, empty ones in between, before it counts", async () => {
    await using rig = openRig({ starts: false });
    rig.log.pages = [[{}, {}], [], [{}]];
    rig.start();
    await rig.runtime.advance(10);
    assertEquals(rig.taken.map((rows) => rows.length), [2, 0, 1]);
    assertEquals(rig.looked(), 1);
  });

  it("makes up for what it is behind piece by piece, without a gap or a rest", async () => {
    await using rig = openRig({ fromMs: START_MS - 6 * windowMs });
    await rig.runtime.advance(1);
    const pieces = rig.log.asked.filter(({ toMs }) => toMs !== undefined);
    assertEquals(pieces.length, 5);
    for (const [at, { fromMs, toMs }] of pieces.entries()) {
      assertLess(fromMs, START_MS - (6 - at) * windowMs);
      assertEquals(toMs, START_MS - (5 - at) * windowMs);
    }
    assertEquals(rig.reader.trouble, undefined);
  });

  it("says that it is behind, and leaves to others what is too far back", async () => {
    await using rig = openRig({ fromMs: START_MS - 2 * furthestBackMs, starts: false });
    assert(rig.reader.trouble?.includes("not read yet"));
    rig.start();
    await rig.runtime.advance(1);
    assertEquals(rig.log.asked[0]?.fromMs, START_MS - furthestBackMs - overlapMs);
    rig.clock.aheadMs = 5_000;
    assertEquals(rig.reader.trouble, "a stream is 5 s behind");
  });

  it("reads on where the clock goes back", async () => {
    await using rig = openRig();
    await rig.runtime.advance(10);
    rig.clock.aheadMs = -60_000;
    rig.log.asked.length = 0;
    await rig.runtime.advance(200);
    assertLess(rig.log.asked[0]?.fromMs ?? Infinity, START_MS - 60_000 + 200);
  });

  it("tells of a row that nobody can read, and closes what it had begun to look at", async () => {
    await using rig = openRig({ starts: false });
    rig.log.next = "unreadable";
    await assertRejects(() => rig.reader.run(() => IDLE_MS, NEVER), TypeError);
    assertEquals([rig.reader.trouble, rig.looked()], ["a row that nobody can read", 1]);
  });

  it("leaves streams to another reader, and ends when it has none", async () => {
    await using rig = openRig({ streams: 3, starts: false });
    rig.reader.leave(new Set(["0000", "0200"]));
    rig.start();
    await rig.runtime.advance(10);
    assertEquals(rig.log.asked[0]?.streams, ["0100"]);
    rig.reader.leave(new Set(["0100"]));
    rig.log.asked.length = 0;
    await rig.runtime.advance(10_000);
    assertEquals(rig.log.asked, []);
  });
});

function openRig({ fromMs = START_MS, streams = 2, starts = true } = {}) {
  const runtime = virtualRuntime({ seed: 1, startAt: START_MS });
  const log = new TestLog({ streams, setMs: START_MS });
  const taken: (readonly CqlRow[])[] = [];
  let looks = 0;
  const clock = { aheadMs: 0, nowMs: (): number => runtime.now() + clock.aheadMs };
  const reader: LogReader = new LogReader(log.streams, {
    ...{ session: log.session, runtime, fromMs, layout: TEST_LAYOUT, times: LOG_TIMES },
    clock,
    take: (rows) => taken.push(rows) && rows.length,
    onLooked: () => void (looks += 1),
  });
  let running: Promise<void> = Promise.resolve();
  const start = () => void (running = reader.run(() => IDLE_MS, NEVER));
  if (starts) start();
  return {
    ...{ runtime, log, taken, reader, start, clock },
    looked: () => looks,
    async [Symbol.asyncDispose]() {
      reader.stop();
      await running;
    },
  };
}
