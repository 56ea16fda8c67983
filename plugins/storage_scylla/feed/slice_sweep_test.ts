import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { keptLog } from "../../../tests/contract/surroundings.ts";
import { TestLog } from "../cdc/test_log.ts";
import type { CqlRow } from "../session.ts";
import { SliceSweep } from "./slice_sweep.ts";
import { Slots } from "./slots.ts";
import { FEED_TIMES, MINUTE_MS } from "./times.ts";

const LIST = "SELECT DISTINCT slice, minute";

describe("the sweep of a slice whose run was given up", () => {
  it("is not set back by the beginning of that run", async () => {
    await using the = openRig();
    const late = the.answerLate(LIST);
    the.beginRun();
    await the.runtime.advance(MINUTE_MS);
    the.beginRun();
    await the.runtime.advance(30 * MINUTE_MS);
    const before = the.sweep.lowWater;
    late.resolve([]);
    await the.runtime.advance(0);
    assertEquals(the.sweep.lowWater, before);
  });
});

/** A slice of which nothing is stored and in which nothing is announced, of one run after the other. */
function openRig() {
  const runtime = virtualRuntime({ seed: 1, startAt: Date.UTC(2026, 10, 21) });
  const log = keptLog();
  const late = new Map<string, Promise<readonly CqlRow[]>>();
  const session = {
    ...new TestLog({ streams: 1, setMs: 0 }).session,
    execute({ cql }: { readonly cql: string }): Promise<readonly CqlRow[]> {
      const [beginning, rows] = [...late].find(([each]) => cql.startsWith(each)) ?? [];
      if (beginning !== undefined) late.delete(beginning);
      return rows ?? Promise.resolve([]);
    },
    async *pages() {},
  };
  const sweep = new SliceSweep({ slice: 0, epoch: 1 }, {
    ...{ session, runtime, log, times: FEED_TIMES, clock: { nowMs: () => runtime.now() } },
    slots: { first: new Slots(1), later: new Slots(1) },
    leases: { lowWater: () => undefined, setLowWater() {} },
    ...{ tell() {}, applied: () => false },
  });
  let life = new AbortController();
  const runs: Promise<void>[] = [];
  return {
    ...{ runtime, sweep },
    /** The next statement that begins so is answered when the test does. */
    answerLate(beginning: string): PromiseWithResolvers<readonly CqlRow[]> {
      const answer = Promise.withResolvers<readonly CqlRow[]>();
      late.set(beginning, answer.promise);
      return answer;
    },
    /** Gives up the one before. */
    beginRun(): void {
      life.abort();
      life = new AbortController();
      runs.push(sweep.run(life.signal));
    },
    async [Symbol.asyncDispose](): Promise<void> {
      sweep.stop();
      await Promise.all(runs);
    },
  };
}
