import type { Runtime } from "../../core/ports/runtime.ts";
import type { Life } from "../../core/ports/supervision.ts";
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
type Pending = {
  readonly mayTakeLong: boolean;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
};
type Watcher = Pick<Life, "beat" | "rest"> & { readonly died: (error: Error) => void };

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
  #watcher: Watcher | undefined;

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

  /**
   * Shows a supervisor that the thread dies, by throwing, and that a call hangs. It mends neither: the next call starts
   * the thread again, and nobody can take back what the disk holds. Ends when the signal aborts.
   */
  watch({ signal, beat, rest }: Life): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.#watcher = { beat, rest, died: reject };
      this.#move();
    });
  }

  /** One that `mayTakeLong` does not count as hung, however long it takes. */
  call(message: unknown, { mayTakeLong = false }: { readonly mayTakeLong?: boolean } = {}): Promise<unknown> {
    const worker = this.#worker ??= this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Throws for what cannot be copied: nobody may wait for an answer to it, or all would get their neighbour's.
    worker.postMessage(message);
    const isFirst = this.#pending.push({ mayTakeLong, resolve, reject }) === 1;
    if (isFirst) this.#move();
    return promise;
  }

  /** Ends it at once; calls under way are not answered any more. */
  terminate(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#pending = [];
    this.#move();
  }

  /** Another call is the oldest one now, or there is none. */
  #move(): void {
    this.#sinceMs = this.#options.runtime.monotonicMs();
    const [oldest] = this.#pending;
    if (oldest === undefined || oldest.mayTakeLong) this.#watcher?.rest();
    else this.#watcher?.beat();
  }

  #start(): Worker {
    const worker = this.#options.start();
    worker.onmessage = ({ data }) => {
      this.#pending.shift()?.resolve(data);
      this.#move();
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
    const death = new ThreadDied(`The thread of ${name} died: ${reason}`);
    for (const { reject } of pending) reject(death);
    this.#watcher?.died(death);
  }
}
