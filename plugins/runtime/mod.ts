import { setImmediate } from "node:timers";
import type { Runtime } from "../../core/ports/runtime.ts";

/** The real clock, ids, chance and timers. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  turnMs,
  newId: uuidv7,
  random: () => Math.random(),
  sleep,
};

let turn: number | undefined;
const endTurn = () => void (turn = undefined);

function turnMs(): number {
  if (turn === undefined) {
    turn = performance.now();
    setImmediate(endTurn);
  }
  return turn;
}

let headMs = NaN;
let head = "";

/**
 * A UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then the random bits of the platform's UUIDv4, whose variant is
 * the same. Made for every event and request, it takes a fraction of the time of a library's, as what all ids of one
 * millisecond begin with is made once.
 */
function uuidv7(): string {
  const ms = Date.now();
  if (ms !== headMs) {
    const time = ms.toString(16).padStart(12, "0");
    head = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    headMs = ms;
  }
  return head + crypto.randomUUID().slice(15);
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
