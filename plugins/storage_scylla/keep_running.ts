import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log } from "../../core/ports/telemetry.ts";

export type KeepRunningParts = {
  /** What the log calls it. */
  readonly name: string;
  readonly runtime: Pick<Runtime, "sleep">;
  readonly log: Log;
  readonly signal: AbortSignal;
};

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Runs work until it ends by itself or the signal aborts. An error is a fault of this program or of a row that nobody
 * can read: it is logged, and the work begins again after a pause that grows. Never throws.
 */
export async function keepRunning(work: () => Promise<void>, parts: KeepRunningParts): Promise<void> {
  const { name, runtime, log, signal } = parts;
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.stack ?? error.message : String(error);
      log.error("A part of the feed failed; it begins again", { part: name, error: reason });
      await runtime.sleep(pauseMs, { signal }).catch(() => {});
    }
  }
}
