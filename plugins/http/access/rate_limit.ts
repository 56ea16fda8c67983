import type { Runtime } from "../../../core/ports/runtime.ts";

export type RateLimit = { readonly requests: number; readonly seconds: number };

const CLIENTS_MAX = 100_000;
const EVERYBODY_ELSE = "";

/** Counts the requests of each client within one span of time after the other. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #runtime: Runtime;
  readonly #counts = new Map<string, number>();
  #endsMs = 0;

  constructor(limit: RateLimit, runtime: Runtime) {
    this.#limit = limit;
    this.#runtime = runtime;
  }

  /** 0 when the request may go on, else in how many seconds another one may. */
  waitSeconds(client: string): number {
    const nowMs = this.#enterSpan();
    // Addresses are cheap to change: past a bound they share one count, so that memory has one too.
    const key = this.#counts.has(client) || this.#counts.size < CLIENTS_MAX ? client : EVERYBODY_ELSE;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= this.#limit.requests ? 0 : Math.ceil((this.#endsMs - nowMs) / 1000);
  }

  /** Whether the client, by a count of its own, may make no other request; this one is not counted. */
  isSpent(client: string): boolean {
    this.#enterSpan();
    return (this.#counts.get(client) ?? 0) >= this.#limit.requests;
  }

  #enterSpan(): number {
    const nowMs = this.#runtime.monotonicMs();
    if (nowMs < this.#endsMs) return nowMs;
    this.#counts.clear();
    this.#endsMs = nowMs + this.#limit.seconds * 1000;
    return nowMs;
  }
}
