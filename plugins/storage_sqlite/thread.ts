import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log } from "../../core/ports/telemetry.ts";

/** The thread ended with a call under way: whether that call had its effect is not known. */
export class ThreadDied extends Error {
  override readonly name = "ThreadDied";
}

export type ThreadOptions = {
  readonly name: string;
  readonly start: () => Worker;
  readonly log: Log;
  readonly runtime: Pick<Runtime, "monotonicMs">;
};
type Pending = { readonly resolve: (reply: unknown) => void; readonly reject: (error: Error) => void };

/**
 * A Worker that answers each message with one message, in order. One that dies fails the calls under way with
 * `ThreadDied`; the next call starts another one.
 */
export class Thread {
  readonly #options: ThreadOptions;
  #worker: Worker | undefined;
  #pending: Pending[] = [];
  /** Since when it works on the oldest call. */
  #sinceMs = 0;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#worker !== undefined;
  }

  /** How long it has worked on the call under way; 0 when there is none. */
  get busyMs(): number {
    return this.#pending.length === 0 ? 0 : this.#options.runtime.monotonicMs() - this.#sinceMs;
  }

  call(message: unknown): Promise<unknown> {
    const worker = this.#worker ??= this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Throws for what cannot be copied: nobody may wait for an answer to it, or all would get their neighbour's.
    worker.postMessage(message);
    if (this.#pending.length === 0) this.#sinceMs = this.#options.runtime.monotonicMs();
    this.#pending.push({ resolve, reject });
    return promise;
  }

  /** Ends it at once; calls under way are not answered any more. */
  terminate(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#pending = [];
  }

  #start(): Worker {
    const worker = this.#options.start();
    worker.onmessage = ({ data }) => {
      this.#sinceMs = this.#options.runtime.monotonicMs();
      this.#pending.shift()?.resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#died(worker, event.message);
    };
    worker.onmessageerror = () => this.#died(worker, "its answer could not be read");
    return worker;
  }

  #died(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    worker.terminate();
    this.#worker = undefined;
    const { name, log } = this.#options;
    const pending = this.#pending;
    this.#pending = [];
    log.error("A storage thread died; the next call starts it again", { thread: name, reason, calls: pending.length });
    for (const { reject } of pending) reject(new ThreadDied(`The thread of ${name} died: ${reason}`));
  }
}
