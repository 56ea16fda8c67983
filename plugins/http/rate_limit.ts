import type { Context, MiddlewareHandler } from "hono";
import type { Runtime } from "../../core/ports/runtime.ts";
import { answer, type Kernel } from "./call.ts";
import { problem } from "./problems.ts";

export type RateLimit = { readonly requests: number; readonly seconds: number };

const UNLIMITED_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz"]);
const ADDRESSES_MAX = 100_000;
const EVERYBODY_ELSE = "";

/** Counts the requests of each address within one span of time after the other. */
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
  waitSeconds(address: string): number {
    const nowMs = this.#runtime.monotonicMs();
    if (nowMs >= this.#endsMs) {
      this.#counts.clear();
      this.#endsMs = nowMs + this.#limit.seconds * 1000;
    }
    // Addresses are cheap to change: past a bound they share one count, so that memory has one too.
    const key = this.#counts.has(address) || this.#counts.size < ADDRESSES_MAX ? address : EVERYBODY_ELSE;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= this.#limit.requests ? 0 : Math.ceil((this.#endsMs - nowMs) / 1000);
  }
}

/** Refuses what is over the limit, except to those who ask after the service's health. */
export function limitRate(kernel: Kernel, limit: RateLimit): MiddlewareHandler {
  const limiter = new RateLimiter(limit, kernel.runtime);
  return (context, next) => {
    const waitSeconds = UNLIMITED_PATHS.has(context.req.path) ? 0 : limiter.waitSeconds(addressOf(context));
    if (waitSeconds === 0) return next();
    const headers = { "retry-after": String(waitSeconds) };
    return answer(kernel, () => problem("rate_limited", { headers }))(context);
  };
}

/** A request that came without a socket has no address. */
function addressOf({ env }: Context): string {
  return env?.remoteAddr?.hostname ?? EVERYBODY_ELSE;
}
