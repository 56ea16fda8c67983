import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Supervisor } from "../../../core/engine/supervisor.ts";
import { virtualRuntime } from "../../../core/testing.ts";
import { UNCOUNTED } from "../../../tests/contract/surroundings.ts";
import { LogReading } from "./log_reading.ts";
import { LOG_TIMES } from "./log_times.ts";
import { type Asked, TEST_LAYOUT, TestLog } from "./test_log.ts";

const START_MS = Date.UTC(2026, 10, 21);
const MINUTE_MS = 60_000;
const LOG = { debug() {}, info() {}, warn() {}, error() {} };
const [A, B, C] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];

describe("the reading of the log", () => {
  it("reads a new set as soon as it is told of, and a stream of two sets once", async () => {
    await using rig = openRig();
    await rig.advance(10);
    rig.log.beginSet(START_MS + MINUTE_MS, [B, C]);
    await rig.advance(LOG_TIMES.setsEveryMs + 100);
    rig.log.asked.length = 0;
    await rig.advance(10_000);
    assertEquals(readersIn(rig.log.asked), ["01", "02,03"]);
  });

  it("goes on where the reader before had come, whatever moment the new set begins", async () => {
    await using rig = openRig();
    await rig.advance(10);
    rig.log.isTorn = true;
    const lastMs = START_MS + 10;
    await rig.advance(3_000);
    rig.log.beginSet(START_MS + 20_000, [B, C]);
    rig.log.asked.length = 0;
    await rig.advance(LOG_TIMES.setsEveryMs);
    const first = rig.log.asked.find(({ streams }) => streams.join() === "02,03");
    assert((first?.fromMs ?? Infinity) <= lastMs, `expected it from ${lastMs}, found ${first?.fromMs}`);
  });

  it("lets go of a set some time after another has begun", async () => {
    await using rig = openRig();
    rig.log.beginSet(START_MS + MINUTE_MS, [B, C]);
    await rig.advance(15 * MINUTE_MS);
    rig.log.asked.length = 0;
    await rig.advance(1_000);
    assertEquals(readersIn(rig.log.asked), ["01", "02,03"]);
    await rig.advance(5 * MINUTE_MS);
    rig.log.asked.length = 0;
    await rig.advance(1_000);
    assertEquals(readersIn(rig.log.asked), ["02,03"]);
    assertEquals(rig.reading.sets.length, 1);
  });

  for (
    const [next, error] of [
      ["unreadable", "TypeError: a row that nobody can read"],
      ["hung", "Error: It hangs: it has not moved for 60 s"],
    ] as const
  ) {
    it(`begins again when an answer is ${next}, and the tree says so`, async () => {
      await using rig = openRig();
      rig.log.next = next;
      await rig.advance(80_000);
      const { restarts, lastError, state } = rig.component("log_stream_sets") ?? {};
      assertEquals([restarts, lastError, state], [1, error, "running"]);
      assertEquals(readersIn(rig.log.asked), ["01,02"]);
    });
  }
});

function readersIn(asked: readonly Asked[]): string[] {
  return [...new Set(asked.map(({ streams }) => streams.join()))].toSorted();
}

function openRig() {
  const runtime = virtualRuntime({ seed: 1, startAt: START_MS });
  const log = new TestLog({ streams: 0, setMs: START_MS - MINUTE_MS });
  log.beginSet(START_MS - MINUTE_MS, [A, B]);
  const branch = new Supervisor("storage", { runtime, log: LOG, telemetry: UNCOUNTED });
  const reading = new LogReading({
    ...{ session: log.session, runtime, log: LOG, branch, layout: TEST_LAYOUT, times: LOG_TIMES, fromMs: START_MS },
    clock: { nowMs: () => runtime.now() },
    taker: () => ({ take: (rows) => rows.length, end: () => {} }),
    onLooked: () => {},
  });
  return {
    ...{ log, reading, advance: (ms: number) => runtime.advance(ms) },
    component: (name: string) => branch.tree().children.find((each) => each.name === name),
    [Symbol.asyncDispose]: () => reading.stop(),
  };
}
