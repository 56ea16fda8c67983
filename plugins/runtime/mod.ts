import { v7 } from "uuid";
import type { Runtime } from "../../core/ports/runtime.ts";

/** The real clock, ids, chance and timers. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  newId: () => v7({ rng: pooledRandomBytes }),
  random: () => Math.random(),
  sleep,
};

/** Asking the system for randomness costs more than the bytes: an id takes the next sixteen of a pool. */
const pool = new Uint8Array(4096);
let taken = pool.length;

function pooledRandomBytes(): Uint8Array {
  if (taken === pool.length) {
    crypto.getRandomValues(pool);
    taken = 0;
  }
  taken += 16;
  return pool.slice(taken - 16, taken);
}

function sleep(ms: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
