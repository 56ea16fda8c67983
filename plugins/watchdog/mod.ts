import { z } from "zod";
import { definePlugin } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { type Life, supervisionRef } from "../../core/ports/supervision.ts";
import { LOOKED, MOVED, type Watch } from "./watch.ts";

const TICK_MS = 1_000;

/**
 * Ends the process when its main thread loops without an end, which nothing on that thread could notice or stop. Costs
 * a timer a second on either thread.
 */
export default definePlugin({
  name: "watchdog",
  provides: {},
  requires: { supervision: supervisionRef, runtime: runtimeRef },
  config: z.object({
    /** How long the main thread may stand still; 0 where it may for ever, as under a debugger. */
    WATCHDOG_SECONDS: z.string().regex(/^[0-9]{1,4}$/, "expected whole seconds, at most 9999; 0: never").default("30")
      .transform(Number),
  }),
  start({ services: { supervision, runtime }, config: { WATCHDOG_SECONDS: seconds } }) {
    if (seconds === 0) return Promise.resolve({ services: {} });
    const branch = supervision.branch("watchdog");
    const watch = { ticks: Math.ceil(seconds * 1_000 / TICK_MS), tickMs: TICK_MS };
    branch.start({ name: "watchdog_thread", run: (life) => keepWatched(life, { runtime, ...watch }) });
    return Promise.resolve({ services: {}, stop: (late) => branch.stop(late) });
  },
});

/** Moves its counter until the signal aborts; throws when the thread that watches it died, and hangs when that does. */
async function keepWatched(
  { signal, beat }: Life,
  { runtime, ...times }: Omit<Watch, "counters"> & { readonly runtime: Runtime },
): Promise<void> {
  const counters = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(new URL("./watchdog_worker.ts", import.meta.url), { type: "module", name: "watchdog" });
  const died = new AbortController();
  worker.onerror = (event) => {
    event.preventDefault();
    died.abort(new Error(`The watchdog's thread died: ${event.message}`));
  };
  const ending = AbortSignal.any([signal, died.signal]);
  try {
    worker.postMessage({ counters, ...times } satisfies Watch);
    for (let seen = -1; !ending.aborted;) {
      const looked = Atomics.load(counters, LOOKED);
      if (looked !== seen) beat();
      seen = looked;
      Atomics.add(counters, MOVED, 1);
      await runtime.sleep(TICK_MS, { signal: ending }).catch(() => {});
    }
    died.signal.throwIfAborted();
  } finally {
    worker.terminate();
  }
}
