import type { Runtime } from "../ports/runtime.ts";

/** A runtime in which time passes only by `advance`. */
export type VirtualRuntime = Runtime & {
  /**
   * Lets `ms` pass: fires the timers that fall due on the way, in the order of their moments and then of their making,
   * and after each lets everything that waits on promises run, so that timers it sets are counted in.
   * Rejects with a `RangeError` when work keeps setting timers for the same moment.
   */
  advance(ms: number): Promise<void>;
  /** How many sleeps are under way. */
  readonly pending: number;
};

type Timer = { readonly dueMs: number; readonly fire: () => void };

const DEFAULT_START_MS = Date.UTC(2026, 0, 1);
const MAX_FIRED_AT_ONE_MOMENT = 100_000;

/** The same seed and the same calls give the same times, ids and numbers. `startAt` is in milliseconds since 1970. */
export function virtualRuntime(options: { readonly seed: number; readonly startAt?: number }): VirtualRuntime {
  const { seed, startAt = DEFAULT_START_MS } = options;
  const timers: Timer[] = [];
  let elapsedMs = 0;
  let isAdvancing = false;
  const now = () => Math.floor(startAt + elapsedMs);

  async function advanceTo(targetMs: number): Promise<void> {
    await nextTurn();
    for (let fired = 0, timer = timers[0]; timer !== undefined && timer.dueMs <= targetMs; timer = timers[0]) {
      fired = timer.dueMs > elapsedMs ? 1 : fired + 1;
      if (fired > MAX_FIRED_AT_ONE_MOMENT) {
        throw new RangeError(`Cannot advance as timers never end: now is ${elapsedMs}`);
      }
      elapsedMs = Math.max(elapsedMs, timer.dueMs);
      timers.shift();
      timer.fire();
      await nextTurn();
    }
    elapsedMs = targetMs;
  }

  return {
    now,
    monotonicMs: () => elapsedMs,
    turnMs: () => elapsedMs,
    newId: uuids(sfc32(seed, 1), now),
    random: fractions(sfc32(seed, 0)),
    sleep(ms, { signal } = {}) {
      if (Number.isNaN(ms)) throw new RangeError("Cannot sleep: expected a number of milliseconds, found NaN");
      return sleep(timers, { dueMs: elapsedMs + Math.max(0, ms), signal });
    },
    async advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`Cannot advance: expected at least 0 ms, found ${ms}`);
      if (isAdvancing) throw new Error("Cannot advance while advancing: await the first call");
      isAdvancing = true;
      try {
        await advanceTo(elapsedMs + ms);
      } finally {
        isAdvancing = false;
      }
    },
    get pending() {
      return timers.length;
    },
  };
}

function sleep(
  timers: Timer[],
  { dueMs, signal }: { readonly dueMs: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      timers.splice(timers.indexOf(timer), 1);
      reject(signal?.reason);
    };
    const fire = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const timer = { dueMs, fire };
    const later = timers.findIndex((each) => each.dueMs > dueMs);
    timers.splice(later === -1 ? timers.length : later, 0, timer);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** One turn of the event loop: every promise that can settle settles before it. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** UUIDv7 (RFC 9562, 5.7): milliseconds, then a 42-bit counter (6.2, method 1), so unique and rising, then chance. */
function uuids(next: () => number, now: () => number): () => string {
  let made = 0;
  return () => {
    made += 1;
    const time = hex(now(), 12);
    const high = hex(Math.floor(made / 2 ** 30) % 2 ** 12, 3);
    const low = hex(2 ** 31 + made % 2 ** 30, 8);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${low.slice(0, 4)}-${low.slice(4)}${hex(next(), 8)}`;
  };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function fractions(next: () => number): () => number {
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/** sfc32, Chris Doty-Humphrey's small fast counter of 32 bits (PractRand 0.93), after its 15 rounds of warming up. */
function sfc32(seed: number, stream: number): () => number {
  let [a, b, c, counter] = [stream, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 1];
  const next = () => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  for (let round = 0; round < 15; round += 1) next();
  return next;
}
