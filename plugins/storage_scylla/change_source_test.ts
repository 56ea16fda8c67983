import { assertLess, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { Unavailable } from "../../core/ports/event_store.ts";
import { usedBytes } from "../../tests/contract/memory.ts";
import { TestLog } from "./cdc/test_log.ts";
import { createChangeSource } from "./change_source.ts";
import { FEED_TIMES } from "./feed/times.ts";

const TIMES = 2_000;
const BYTES_A_WATCH = 500;

describe("a change source keeps nothing of a watch", () => {
  it("that an outage has ended, while who began it goes on", async () => {
    const { log, watch } = openRig();
    const { signal } = new AbortController();
    await assertKeepsNothing(async () => {
      log.isAway = false;
      const events = await watch(signal);
      log.isAway = true;
      await assertRejects(() => Array.fromAsync(events), Unavailable);
    });
  });

  it("that nobody wants any more when it is about to begin", async () => {
    const { watch } = openRig();
    await assertKeepsNothing(async () => {
      const leaving = new AbortController();
      const watching = watch(leaving.signal);
      leaving.abort();
      await watching;
    });
  });
});

async function assertKeepsNothing(watchOnce: () => Promise<void>): Promise<void> {
  const watchOften = async () => {
    for (let time = 0; time < TIMES; time += 1) await watchOnce();
    return await usedBytes();
  };
  const before = await watchOften();
  assertLess((await watchOften() - before) / TIMES, BYTES_A_WATCH);
}

function openRig() {
  const runtime = virtualRuntime({ seed: 1 });
  const log = new TestLog({ streams: 1, setMs: 0 });
  const source = createChangeSource({
    ...{ session: log.session, runtime, clock: { nowMs: () => runtime.now() }, times: FEED_TIMES, slices: 1 },
    reader: { read: () => Promise.resolve([]) },
    feed: { async *changes() {}, backlog: () => ({ events: 0, since: null }), handledShare: () => 1, ring() {} },
  });
  const watch = (signal: AbortSignal) => source.watch({ eventTypes: new Set(), wants: () => true, signal });
  return { log, watch };
}
