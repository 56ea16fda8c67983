import type { Runtime } from "../../core/ports/runtime.ts";
import type { Child } from "../../core/ports/supervision.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";

const SAMPLE_EVERY_MS = 500;

/** Shows how late timers fire: a main thread that is held up by work shows as lag. */
export function eventLoopSampler(telemetry: Telemetry, runtime: Runtime): Child {
  let lagSeconds = 0;
  const help = "How late a timer fired, at worst since this was last read";
  telemetry.gauge({ name: "event_loop_lag_seconds", help, labels: [] }, () => {
    const value = lagSeconds;
    lagSeconds = 0;
    return [{ labels: {}, value }];
  });
  return {
    name: "event_loop_sampler",
    async run({ signal, beat }) {
      while (!signal.aborted) {
        beat();
        const beforeMs = runtime.monotonicMs();
        await runtime.sleep(SAMPLE_EVERY_MS, { signal }).catch(() => {});
        if (signal.aborted) return;
        lagSeconds = Math.max(lagSeconds, (runtime.monotonicMs() - beforeMs - SAMPLE_EVERY_MS) / 1000);
      }
    },
  };
}
