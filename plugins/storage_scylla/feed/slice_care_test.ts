import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { Bell } from "../../../core/engine/bell.ts";
import { streamKey } from "../../../core/ports/event_store.ts";
import { keptLog } from "../../../tests/contract/surroundings.ts";
import { TestLog } from "../cdc/test_log.ts";
import type { CqlRow, CqlSession } from "../session.ts";
import { SliceCare } from "./slice_care.ts";
import { SubscriptionFeed } from "./subscription_feed.ts";
import { FEED_TIMES, MINUTE_MS, minuteOf } from "./times.ts";

const TENURE = { slice: 0, epoch: 1 };
const STREAM = { aggregateType: "counter", aggregateId: "a" };

describe("the care of a slice whose minute stood still until nothing after it is announced any more", () => {
  it("goes on behind what a scan has shown", async () => {
    await using the = await openRig();
    the.scanned.resolve();
    await the.runtime.advance(MINUTE_MS);
    assertEquals(the.lowWaters, [the.stored, the.settled]);
  });

  it("goes on behind nothing when it is stopped before a scan has shown it", async () => {
    await using the = await openRig();
    the.life.abort();
    await the.runtime.advance(MINUTE_MS);
    assertEquals(the.lowWaters, [the.stored]);
  });
});

describe("the care of a slice that is given up while it looks for what was missed", () => {
  it("looks for it again in its next run, wherever the low water has come meanwhile", async () => {
    const runtime = virtualRuntime({ seed: 1, startAt: Date.UTC(2026, 10, 21) });
    const settled = minuteOf(runtime.now()) - 11;
    let lowWater = settled - 20;
    const first = lowWater - FEED_TIMES.minutesBack;
    let answers = false;
    const log = new TestLog({ streams: 1, setMs: 0 });
    const session: CqlSession = {
      ...log.session,
      async *pages({ values: [, minute] }) {
        if (minute !== BigInt(first)) return;
        if (!answers) await new Promise(() => {});
        yield [announced(first)];
      },
    };
    const feed = feedOf(session);
    feed.follow([TENURE]);
    const care = new SliceCare(TENURE, {
      ...{ session, runtime, log: keptLog(), feed, times: FEED_TIMES, clock: { nowMs: () => runtime.now() } },
      leases: { lowWater: () => lowWater, setLowWater: (_, { minute }) => void (lowWater = minute) },
      sweep: {
        ...{ lowWater: settled, moved: new Bell(), holds: () => undefined },
        ...{ content: () => new Map(), finding: () => Promise.resolve(undefined) },
      },
      scan: () => Promise.resolve(),
    });
    const lives = [new AbortController(), new AbortController()] as const;
    care.run(lives[0].signal);
    await runtime.advance(MINUTE_MS);
    assertEquals(lowWater, settled);
    lives[0].abort();
    answers = true;
    const ended = care.run(lives[1].signal);
    await runtime.advance(MINUTE_MS);
    assertEquals(feed.isUnderWay(STREAM), true);
    lives[1].abort();
    await ended;
  });
});

/** A care that waits for the scan of what came after its first minute, in which a commit was not durable for long. */
async function openRig() {
  const runtime = virtualRuntime({ seed: 1, startAt: Date.UTC(2026, 10, 21) });
  const log = keptLog();
  const stored = minuteOf(runtime.now() - FEED_TIMES.scanBeyondMs) + 1;
  const settled = minuteOf(runtime.now()) - 11;
  const lowWaters: number[] = [];
  let durable = 0n;
  const session = { ...new TestLog({ streams: 1, setMs: 0 }).session, execute: async () => [{ sequence: durable }] };
  const feed = feedOf(session);
  const content = new Map([[streamKey(STREAM), { ...STREAM, through: 1 }]]);
  const scanning = Promise.withResolvers<void>();
  const scanned = Promise.withResolvers<void>();
  const life = new AbortController();
  life.signal.addEventListener("abort", () => scanned.resolve());
  const care = new SliceCare(TENURE, {
    ...{ session, runtime, log, feed, times: FEED_TIMES, clock: { nowMs: () => runtime.now() } },
    leases: { lowWater: () => stored, setLowWater: (_, { minute }) => void lowWaters.push(minute) },
    sweep: {
      ...{ lowWater: settled, moved: new Bell(), holds: (minute) => minute === stored },
      ...{ content: () => content, finding: () => Promise.resolve(undefined) },
    },
    scan() {
      scanning.resolve();
      return scanned.promise;
    },
  });
  const ended = care.run(life.signal);
  await runtime.advance(5 * MINUTE_MS);
  durable = 1n;
  await runtime.advance(MINUTE_MS);
  await scanning.promise;
  return {
    ...{ runtime, stored, settled, lowWaters, scanned, life },
    async [Symbol.asyncDispose](): Promise<void> {
      life.abort();
      await ended;
    },
  };
}

function feedOf(session: CqlSession): SubscriptionFeed {
  return new SubscriptionFeed("sample", {
    ...{ session, reader: { read: () => Promise.resolve([]) }, leases: { isValid: () => true } },
    ...{ queue: { aggregates: 8, bytes: 1_000 }, onMissed: () => {} },
  });
}

function announced(minute: number): CqlRow {
  const { aggregateType: aggregate_type, aggregateId: aggregate_id } = STREAM;
  const commit = { commit_id: "c", bucket: 0, expected: 0, cond: null, count: 1, fence: null };
  return { slice: 0, minute, at: new Date(minute * MINUTE_MS), aggregate_type, aggregate_id, ...commit };
}
