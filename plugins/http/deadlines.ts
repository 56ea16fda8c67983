import type { Runtime } from "../../core/ports/runtime.ts";

type Pending = { readonly dueMs: number; readonly expire: () => void };

/**
 * Gives every piece of work the same time. All of it shares one timer: as the time is equal, what began first is due
 * first, so nothing can fall due before the oldest.
 */
export class Deadlines {
  readonly #pending = new Set<Pending>();
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #stop = new AbortController();
  #sweeping = false;

  constructor(runtime: Runtime, timeoutMs: number) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** The work's own outcome, or `late`. */
  race<T>(work: Promise<T>): Promise<T | "late"> {
    return new Promise((resolve, reject) => {
      const pending = { dueMs: this.#runtime.monotonicMs() + this.#timeoutMs, expire: () => resolve("late") };
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
      let [oldest] = this.#pending;
      while (oldest !== undefined) {
        const waitMs = oldest.dueMs - this.#runtime.monotonicMs();
        if (waitMs > 0) await this.#runtime.sleep(Math.ceil(waitMs), { signal: this.#stop.signal });
        this.#expire();
        [oldest] = this.#pending;
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      this.#sweeping = false;
    }
  }

  #expire(): void {
    const nowMs = this.#runtime.monotonicMs();
    for (const pending of this.#pending) {
      if (pending.dueMs > nowMs) return;
      this.#pending.delete(pending);
      pending.expire();
    }
  }
}
