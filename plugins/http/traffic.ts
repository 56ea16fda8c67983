import type { Runtime } from "../../core/ports/runtime.ts";

const FLUSH_MS = 1_000;

/** Counts the requests that have no answer yet. */
export class Traffic {
  #unanswered = 0;
  readonly #waiting: (() => void)[] = [];

  get unanswered(): number {
    return this.#unanswered;
  }

  begin(): void {
    this.#unanswered++;
  }

  end(): void {
    if (--this.#unanswered > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves once every request is answered and the last answers had time to leave, which the signal cuts short. */
  async whenAnswered(runtime: Runtime, signal: AbortSignal): Promise<void> {
    do {
      if (this.#unanswered > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      await runtime.sleep(FLUSH_MS, { signal }).catch(() => {});
    } while (this.#unanswered > 0 && !signal.aborted);
  }
}
