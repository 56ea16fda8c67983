// edge: the main thread, whose clock and timers these would be, is what is being watched
/// <reference lib="deno.worker" />

import { LOOKED, MOVED, type Watch } from "./watch.ts";

/**
 * Ends the process once the main thread has stood still for too long. Only this thread's own ticks count: one that
 * slept with the machine, or was suspended with the process, has not ticked.
 */
self.onmessage = ({ data }: MessageEvent<Watch>) => {
  const { counters, ticks, tickMs } = data;
  let [seen, missed] = [Atomics.load(counters, MOVED), 0];
  setInterval(() => {
    Atomics.add(counters, LOOKED, 1);
    const now = Atomics.load(counters, MOVED);
    missed = now === seen ? missed + 1 : 0;
    seen = now;
    if (missed < ticks) return;
    console.error(
      `annals: the main thread has not moved for ${
        ticks * tickMs / 1_000
      } s: something loops without an end, a decider ` +
        "or a projection perhaps; the process ends here (SIGKILL), so that it can be started again",
    );
    Deno.kill(Deno.pid, "SIGKILL");
  }, tickMs);
};
