import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { openBranch } from "../../../tests/contract/surroundings.ts";
import type { Told } from "../feed/slice_sweep.ts";
import { sliceOf } from "../partitions.ts";
import type { CqlRow } from "../session.ts";
import { CdcFeed } from "./cdc_feed.ts";
import { LOG_TIMES } from "./log_times.ts";
import { TEST_LAYOUT, TestLog } from "./test_log.ts";

const START_MS = Date.UTC(2026, 10, 21);
const SLICES = 8;
const ALL = Array.from({ length: SLICES }, (_, slice) => slice);
const A = { aggregateType: "counter", aggregateId: "a" };

describe("the feed of the log", () => {
  it("tells of events in the slices it follows, with how long they took, and of no others", async () => {
    await using rig = openRig();
    rig.feed.follow([sliceOf(A, SLICES)]);
    const other = ["b", "c", "d"].find((id) => sliceOf({ ...A, aggregateId: id }, SLICES) !== sliceOf(A, SLICES));
    rig.log.pages = [[row("a", 1), row("a", 2), row(other ?? "", 1)]];
    await rig.runtime.advance(40);
    assertEquals(rig.hints.map(({ aggregateId, through, slice }) => [aggregateId, through, slice]), [
      ["a", 2, sliceOf(A, SLICES)],
    ]);
    assertEquals(rig.hints[0]?.events.map(({ sequenceNumber }) => sequenceNumber), [1, 2]);
    assertEquals(rig.delays.length, 1);
  });

  it("asks at most 50 questions a second at rest, with 16 streams and with 2,000, then not so quick", async () => {
    for (const [streams, least, isQuick] of [[16, 9, true], [2_000, 20, false]] as const) {
      await using rig = openRig({ streams });
      rig.feed.follow(ALL);
      await rig.runtime.advance(5_000);
      rig.log.asked.length = 0;
      await rig.runtime.advance(10_000);
      assertLess(rig.log.asked.length, 500);
      assertGreater(rig.log.asked.length, 10 * least);
      assertEquals(rig.feed.trusted !== undefined, isQuick);
      assertEquals(new Set(rig.log.asked.flatMap((each) => each.streams)).size, streams);
    }
  });

  it("is relied upon once all streams are read, and not while any is not", async () => {
    await using rig = openRig();
    assertEquals(rig.feed.trusted, undefined);
    rig.feed.follow(ALL);
    assertEquals(rig.feed.trusted, undefined);
    assertEquals(rig.feed.health().status, "warn");
    await rig.runtime.advance(100);
    const trust = rig.feed.trusted;
    assertEquals(trust?.aborted, false);
    assertEquals(rig.feed.health().status, "pass");
    rig.log.isAway = true;
    await rig.runtime.advance(200);
    assertEquals(trust?.aborted, true);
    assert(rig.feed.health().reason?.includes("nobody answers"));
    rig.log.isAway = false;
    await rig.runtime.advance(500);
    assertEquals(rig.feed.trusted?.aborted, false);
  });

  it("is not relied upon for a while after it lacked something that is proved", async () => {
    await using rig = openRig();
    rig.feed.follow(ALL);
    await rig.runtime.advance(100);
    rig.log.pages = [[row("a", 1)]];
    await rig.runtime.advance(200);
    rig.feed.expect(rig.told({ through: 1 }));
    await rig.runtime.advance(2_000);
    const trust = rig.feed.trusted;
    assertEquals(trust?.aborted, false);
    rig.feed.expect(rig.told({ through: 2 }));
    await rig.runtime.advance(LOG_TIMES.graceMs + 200);
    assertEquals(trust?.aborted, true);
    assertEquals(rig.feed.trusted, undefined);
    assertEquals(rig.feed.health().detail?.log_overdue, 1);
    await rig.runtime.advance(LOG_TIMES.distrustMs + 200);
    assertEquals(rig.feed.trusted?.aborted, false);
  });

  it("expects nothing from before it was read", async () => {
    await using rig = openRig();
    rig.feed.follow(ALL);
    await rig.runtime.advance(100);
    rig.feed.expect({ ...rig.told({ through: 1 }), atMs: START_MS - 1 });
    await rig.runtime.advance(5_000);
    assertEquals(rig.feed.trusted?.aborted, false);
  });

  it("reads nothing without work", async () => {
    await using rig = openRig();
    rig.feed.follow(ALL);
    await rig.runtime.advance(100);
    rig.feed.follow([]);
    assertEquals(rig.feed.trusted, undefined);
    rig.log.asked.length = 0;
    await rig.runtime.advance(10_000);
    assertEquals(rig.log.asked, []);
    rig.feed.follow([1]);
    await rig.runtime.advance(100);
    assertEquals(rig.feed.trusted?.aborted, false);
  });

  it("raises an alarm when somebody deletes events, for as long as it lives", async () => {
    await using rig = openRig();
    rig.feed.follow(ALL);
    for (let count = 0; count < 2; count += 1) {
      rig.log.pages = [[{ ...row("a", 1), "cdc$operation": 3 }]];
      await rig.runtime.advance(200);
    }
    await rig.runtime.advance(100_000);
    assertEquals(rig.lines.filter(({ level }) => level === "error").length, 1);
    const { status, reason = "" } = rig.feed.health();
    assertEquals([status, reason.includes("counter/a were deleted")], ["warn", true]);
  });

  it("tells of its streams and how quick it is", async () => {
    await using rig = openRig();
    rig.feed.follow(ALL);
    rig.log.pages = [[row("a", 1)]];
    await rig.runtime.advance(200);
    assertEquals(rig.feed.health().detail, {
      ...{ change_source: "cdc", stream_sets: new Date(START_MS - 60_000).toISOString(), streams: 4 },
      ...{ log_is_quick: true, log_overdue: 0, log_lag_seconds: rig.delays[0] ?? -1 },
    });
  });
});

function openRig({ streams = 4 } = {}) {
  const runtime = virtualRuntime({ seed: 1, startAt: START_MS });
  const log = new TestLog({ streams, setMs: START_MS - 60_000 });
  const lines: { level: string; message: string }[] = [];
  const keep = (level: string) => (message: string) => void lines.push({ level, message });
  const delays: number[] = [];
  const hints: Told[] = [];
  const kept = { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
  const feed = new CdcFeed({
    ...{ session: log.session, runtime, layout: TEST_LAYOUT, slices: SLICES },
    ...{ log: kept, branch: openBranch({ runtime, log: kept }) },
    clock: { nowMs: () => runtime.now() },
    observe: (seconds) => void delays.push(seconds),
  });
  feed.start((told) => void hints.push(told));
  return {
    ...{ runtime, log, lines, delays, hints, feed },
    told: (change: Partial<Told>): Told => ({
      ...{ ...A, slice: sliceOf(A, SLICES), through: 1, events: [], atMs: runtime.now() },
      ...change,
    }),
    async [Symbol.asyncDispose]() {
      await feed.stop();
    },
  };
}

function row(id: string, number: number): CqlRow {
  return {
    ...{ "cdc$stream_id": Uint8Array.of(1), "cdc$time": "13814000-1dd2-11b2-8000-000000000001" },
    ...{ "cdc$operation": 2, "cdc$end_of_batch": true, aggregate_type: "counter", aggregate_id: id },
    ...{ sequence_number: BigInt(number), event_id: `${number}`, event_type: "Counted", event_version: 1 },
    ...{ event_data: "{}", timestamp: new Date(START_MS) },
  };
}
