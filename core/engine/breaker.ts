import type { Runtime } from "../ports/runtime.ts";

export const BREAKER_STATES = ["closed", "open", "half_open"] as const;
export type BreakerState = typeof BREAKER_STATES[number];

const FAILURES_TO_OPEN = 5;
const SUCCESSES_TO_CLOSE = 3;

export type BreakerParts = {
  readonly runtime: Pick<Runtime, "monotonicMs">;
  /** How long it stays open, in milliseconds. */
  readonly openMs: number;
  readonly onTransition: (to: BreakerState) => void;
};

/**
 * Keeps a caller from asking what does not answer (Nygard, "Release It!", circuit breaker): five failures in a row
 * open it, after `openMs` a call may try again, three successes in a row close it and one failure opens it again.
 */
export class Breaker {
  readonly #parts: BreakerParts;
  #state: BreakerState = "closed";
  /** Failures in a row while closed, successes in a row while half open. */
  #inRow = 0;
  #openedMs = 0;

  constructor(parts: BreakerParts) {
    this.#parts = parts;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** How long to wait before the next call, in milliseconds: 0 unless it is open. */
  waitMs(): number {
    if (this.#state !== "open") return 0;
    const waitMs = this.#openedMs + this.#parts.openMs - this.#parts.runtime.monotonicMs();
    if (waitMs > 0) return waitMs;
    this.#become("half_open");
    return 0;
  }

  succeeded(): void {
    if (this.#state === "closed") this.#inRow = 0;
    else if (this.#state === "half_open" && ++this.#inRow >= SUCCESSES_TO_CLOSE) this.#become("closed");
  }

  failed(): void {
    if (this.#state === "open") return;
    this.#inRow += 1;
    if (this.#state === "half_open" || this.#inRow >= FAILURES_TO_OPEN) {
      this.#openedMs = this.#parts.runtime.monotonicMs();
      this.#become("open");
    }
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#inRow = 0;
    this.#parts.onTransition(state);
  }
}
