import type { Runtime } from "../ports/runtime.ts";

/** Then each plugin is told to hurry, and a moment later left behind. */
const STOP_TIMEOUT_MS = 8_000;
const LAST_MOMENT_MS = 1_000;

/** The time a stop has, for all plugins together. `late` aborts when it is short, `over` rejects when it is gone. */
export type Deadline = { readonly late: AbortSignal; readonly over: Promise<never>; readonly done: () => void };

export function beginDeadline(runtime: Runtime): Deadline {
  const late = new AbortController();
  const done = new AbortController();
  const { signal } = done;
  const over = runtime.sleep(STOP_TIMEOUT_MS, { signal }).then(async () => {
    late.abort();
    await runtime.sleep(LAST_MOMENT_MS, { signal });
    throw new Error(`it took longer than ${STOP_TIMEOUT_MS + LAST_MOMENT_MS} ms`);
  });
  over.catch(() => {});
  return { late: late.signal, over, done: () => done.abort() };
}
