import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { Bell } from "../../../core/engine/bell.ts";
import { streamKey } from "../../../core/ports/event_store.ts";
import { keptLog } from "../../../tests/contract/surroundings.ts";
import { TestLog } from "../cdc/test_log.ts";
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

/** A care that waits for the scan of what came after its first minute, in which a commit was not durable for long. */
async function openRig() {
  const runtime = virtualRuntime({ seed: 1, startAt: Date.UTC(2026, 10, 21) });
  const log = keptLog();
  const stored = minuteOf(runtime.now() - FEED_TIMES.scanBeyondMs) + 1;
  const settled = minuteOf(runtime.now()) - 11;
  const lowWaters: number[] = [];
  let durable = 0n;
  const session = { ...new TestLog({ streams: 1, setMs: 0 }).session, execute: async () => [{ sequence: durable }] };
  const feed = new SubscriptionFeed("sample", {
    ...{ session, reader: { read: () => Promise.resolve([]) }, leases: { isValid: () => true } },
    ...{ queue: { aggregates: 8, bytes: 1_000 }, onMissed: () => {} },
  });
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
