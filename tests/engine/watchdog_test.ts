import { assertLess } from "@std/assert";
import { virtualRuntime } from "annals/testing";
import watchdog from "../../plugins/watchdog/mod.ts";
import { Fault } from "../contract/fault.ts";
import { keptLog, openBranch } from "../contract/surroundings.ts";
import { usedBytes } from "../contract/memory.ts";
import { replace, watchThreads } from "./breakable.ts";

const TICK_MS = 1_000;
const TICKS = 5_000;
const BYTES_A_TICK = 50;

Deno.test("the watchdog keeps nothing of its ticks, however long it runs", async () => {
  const runtime = virtualRuntime({ seed: 1 });
  const watching = { counters: new Int32Array(new SharedArrayBuffer(0)) };
  using _replaced = replace(globalThis, "Worker", watchThreads(new Fault(), { runtime, watching }));
  const supervision = openBranch({ runtime, log: keptLog() });
  const { signal } = new AbortController();
  await watchdog.start({ services: { supervision, runtime }, config: { WATCHDOG_SECONDS: 30 }, signal });
  await runtime.advance(TICKS * TICK_MS);
  const before = await usedBytes();
  await runtime.advance(TICKS * TICK_MS);
  assertLess((await usedBytes() - before) / TICKS, BYTES_A_TICK);
  await supervision.stop(signal);
});
