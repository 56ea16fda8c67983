import type { Runtime } from "../ports/runtime.ts";

/** Who waits for which subscription to move on. While somebody does, it does not rest. */
export class Demand {
  readonly #runtime: Runtime;
  readonly #waiting = new Map<string, number>();
  readonly #resting = new Map<string, AbortController>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Somebody begins to wait; what it returns is to be called when that is over. */
  begin(subscription: string): () => void {
    this.#count(subscription, 1);
    this.#resting.get(subscription)?.abort();
    return () => this.#count(subscription, -1);
  }

  /** Resolves after `ms`, or when somebody begins to wait, or when the signal aborts. */
  async rest(subscription: string, { ms, signal }: { ms: number; signal: AbortSignal }): Promise<void> {
    if (this.#waiting.has(subscription) || signal.aborted) return;
    const resting = new AbortController();
    const wake = () => resting.abort();
    this.#resting.set(subscription, resting);
    signal.addEventListener("abort", wake);
    await this.#runtime.sleep(ms, { signal: resting.signal }).catch(() => {});
    signal.removeEventListener("abort", wake);
    this.#resting.delete(subscription);
  }

  #count(subscription: string, change: 1 | -1): void {
    const count = (this.#waiting.get(subscription) ?? 0) + change;
    if (count === 0) this.#waiting.delete(subscription);
    else this.#waiting.set(subscription, count);
  }
}
