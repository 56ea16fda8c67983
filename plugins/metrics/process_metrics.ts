import type { Runtime } from "../../core/ports/runtime.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";

const SAMPLE_EVERY_MS = 500;

/**
 * Memory, and how late timers fire: a main thread that is held up by work shows as lag. Returns how to stop sampling.
 */
export function watchProcess(telemetry: Telemetry, runtime: Runtime): () => Promise<void> {
  let lagSeconds = 0;
  telemetry.gauge({ name: "process_resident_memory_bytes", help: "Resident memory of the process", labels: [] }, () => {
    return [{ labels: {}, value: Deno.memoryUsage().rss }];
  });
  const help = "How late a timer fired, at worst since this was last read";
  telemetry.gauge({ name: "event_loop_lag_seconds", help, labels: [] }, () => {
    const value = lagSeconds;
    lagSeconds = 0;
    return [{ labels: {}, value }];
  });
  const stopping = new AbortController();
  const sampling = (async () => {
    while (!stopping.signal.aborted) {
      const beforeMs = runtime.monotonicMs();
      await runtime.sleep(SAMPLE_EVERY_MS, { signal: stopping.signal }).catch(() => {});
      lagSeconds = Math.max(lagSeconds, (runtime.monotonicMs() - beforeMs - SAMPLE_EVERY_MS) / 1000);
    }
  })();
  return () => {
    stopping.abort();
    return sampling;
  };
}
