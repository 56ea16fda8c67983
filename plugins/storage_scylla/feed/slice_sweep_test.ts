import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { keptLog } from "../../../tests/contract/surroundings.ts";
import { TestLog } from "../cdc/test_log.ts";
import type { CqlRow, Statement } from "../session.ts";
import { SliceSweep } from "./slice_sweep.ts";
import { Slots } from "./slots.ts";
import { FEED_TIMES, MINUTE_MS, minuteOf } from "./times.ts";

const LIST = "SELECT DISTINCT slice, minute";
const READ_MINUTE = "FROM outbox_messages WHERE slice = ? AND minute = ?";
const READ_COMMIT = "commit_id FROM event_store";

describe("the sweep of a slice whose run was given up", () => {
  it("is not set back by the beginning of that run", async () => {
    await using the = openRig();
    const list = the.answer(LIST);
    the.beginRun();
    await the.runtime.advance(MINUTE_MS);
    the.beginRun();
    await the.runtime.advance(30 * MINUTE_MS);
    const before = the.sweep.lowWater;
    list.resolve([]);
    await the.runtime.advance(0);
    assertEquals(the.sweep.lowWater, before);
  });

  it("says that a minute which that run has read cannot be settled", async () => {
    await using the = openRig();
    const commit = await the.readMinute();
    the.beginRun();
    commit.reject(new TypeError("a fault"));
    await the.runtime.advance(0);
    assertEquals(the.errors(), ["A minute cannot be settled; it stays open"]);
  });

  it("says nothing of what ends after it was stopped", async () => {
    await using the = openRig();
    const commit = await the.readMinute();
    the.sweep.stop();
    commit.reject(new TypeError("a fault"));
    await the.runtime.advance(0);
    assertEquals(the.errors(), []);
  });
});

/** A slice of which nothing is stored, in a database that knows of nothing but what the test answers. */
function openRig() {
  const runtime = virtualRuntime({ seed: 1, startAt: Date.UTC(2026, 10, 21) });
  const log = keptLog();
  const answers = new Map<string, Promise<readonly CqlRow[]>>();
  const execute = ({ cql }: Statement): Promise<readonly CqlRow[]> => {
    const [text, rows] = [...answers].find(([each]) => cql.includes(each)) ?? [];
    if (text !== undefined) answers.delete(text);
    return rows ?? Promise.resolve([]);
  };
  const session = {
    ...{ ...new TestLog({ streams: 1, setMs: 0 }).session, execute },
    async *pages(statement: Statement) {
      yield await execute(statement);
    },
  };
  const sweep = new SliceSweep({ slice: 0, epoch: 1 }, {
    ...{ session, runtime, log, times: FEED_TIMES, clock: { nowMs: () => runtime.now() } },
    slots: { first: new Slots(1), later: new Slots(1) },
    leases: { lowWater: () => undefined, setLowWater() {} },
    ...{ tell() {}, applied: () => false },
  });
  let life = new AbortController();
  const runs: Promise<void>[] = [];
  const rig = {
    ...{ runtime, sweep },
    errors: () => log.lines.filter(({ level }) => level === "error").map(({ message }) => message),
    /** To the next statement that has the text. */
    answer(text: string): PromiseWithResolvers<readonly CqlRow[]> {
      const answer = Promise.withResolvers<readonly CqlRow[]>();
      answers.set(text, answer.promise);
      return answer;
    },
    /** Gives up the one before. */
    beginRun(): void {
      life.abort();
      life = new AbortController();
      runs.push(sweep.run(life.signal));
    },
    /** A run reads a minute for the last time, and waits for the answer about the commit that is announced in it. */
    async readMinute(): Promise<PromiseWithResolvers<readonly CqlRow[]>> {
      const minute = minuteOf(runtime.now()) - 20;
      rig.answer(LIST).resolve([{ slice: 0, minute: BigInt(minute) }]);
      rig.answer(READ_MINUTE).resolve([announcedIn(minute)]);
      const commit = rig.answer(READ_COMMIT);
      rig.beginRun();
      await runtime.advance(1_000);
      return commit;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      sweep.stop();
      await Promise.all(runs);
    },
  };
  return rig;
}

function announcedIn(minute: number): CqlRow {
  const stream = { aggregate_type: "counter", aggregate_id: "a" };
  const commit = { commit_id: "c", bucket: 0, expected: 0, cond: null, count: 1, fence: null };
  return { slice: 0, minute, at: new Date(minute * MINUTE_MS), ...stream, ...commit };
}
