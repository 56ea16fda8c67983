import type { Runtime } from "../../core/ports/runtime.ts";

type Pending = { readonly due: number; readonly expire: () => void };

/** In the time of a deadline: it comes at most one of them late. */
const LOOKS = 50;

/**
 * Gives every piece of work the same time. All of it shares one timer: as the time is equal, what began first is due
 * first, so nothing can fall due before the oldest. It counts its own looks instead of asking the clock for each piece
 * of work, so who was suspended finds the time that is left.
 */
export class Deadlines {
  readonly #pending = new Set<Pending>();
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #stop = new AbortController();
  #looks = 0;
  #sweeping = false;

  constructor(runtime: Runtime, timeoutMs: number) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** The work's own outcome, or `late` once its time is over. */
  race<T, L>(work: Promise<T>, late: L): Promise<T | L> {
    return new Promise((resolve, reject) => {
      const pending = { due: this.#looks + LOOKS + 1, expire: () => resolve(late) };
      this.#pending.add(pending);
      work.then((value) => {
        this.#pending.delete(pending);
        resolve(value);
      }, (error) => {
        this.#pending.delete(pending);
        reject(error);
      });
      if (!this.#sweeping) void this.#sweep();
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async #sweep(): Promise<void> {
    this.#sweeping = true;
    try {
      while (this.#pending.size > 0) {
        await this.#runtime.sleep(this.#timeoutMs / LOOKS, { signal: this.#stop.signal });
        this.#looks++;
        this.#expire();
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      this.#sweeping = false;
    }
  }

  #expire(): void {
    for (const pending of this.#pending) {
      if (pending.due > this.#looks) return;
      this.#pending.delete(pending);
      pending.expire();
    }
  }
}
