// edge: the main thread, whose clock and timers these would be, is what is being watched
/// <reference lib="deno.worker" />

/** What the main thread sends once: a counter it moves, and how many ticks it may leave it where it is. */
export type Watch = {
  readonly counter: Int32Array<SharedArrayBuffer>;
  readonly ticks: number;
  readonly tickMs: number;
};

/**
 * Ends the process once the main thread has stood still for too long. Only this thread's own ticks count: one that
 * slept with the machine, or was suspended with the process, has not ticked.
 */
self.onmessage = ({ data }: MessageEvent<Watch>) => {
  const { counter, ticks, tickMs } = data;
  let [seen, missed] = [Atomics.load(counter, 0), 0];
  setInterval(() => {
    const now = Atomics.load(counter, 0);
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
