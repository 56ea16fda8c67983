import type { Runtime } from "../ports/runtime.ts";

/** How often an event is tried before its aggregate stays parked. */
export const MAX_TRIES = 3;

const FIRST_DELAY_MS = 100;
const FACTOR = 2;
const MAX_DELAY_MS = 10_000;

/** The delay after the n-th failure in a row (from 1), in milliseconds: exponential, the upper half of it by chance. */
export function backoffMs(failures: number, runtime: Runtime): number {
  const fullMs = Math.min(FIRST_DELAY_MS * FACTOR ** (failures - 1), MAX_DELAY_MS);
  return fullMs * (0.5 + runtime.random() / 2);
}
