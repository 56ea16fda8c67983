import type { Runtime } from "../ports/runtime.ts";

/** How often a thing is tried, and how long after each failure: exponential up to a longest delay, in milliseconds. */
export type RetryPolicy = {
  readonly tries: number;
  readonly firstDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
};

export const RETRY_POLICIES = {
  default: { tries: 3, firstDelayMs: 100, factor: 2, maxDelayMs: 10_000 },
  aggressive: { tries: 5, firstDelayMs: 50, factor: 2, maxDelayMs: 30_000 },
  conservative: { tries: 2, firstDelayMs: 200, factor: 2, maxDelayMs: 5_000 },
} as const satisfies Readonly<Record<string, RetryPolicy>>;

/** The delay after the n-th failure in a row (from 1), in milliseconds, the upper half of it by chance. */
export function backoffMs(
  failures: number,
  runtime: Pick<Runtime, "random">,
  { firstDelayMs, factor, maxDelayMs }: RetryPolicy = RETRY_POLICIES.default,
): number {
  const fullMs = Math.min(firstDelayMs * factor ** (failures - 1), maxDelayMs);
  return fullMs * (0.5 + runtime.random() / 2);
}
