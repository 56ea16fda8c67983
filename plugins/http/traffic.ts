import type { Runtime } from "../../core/ports/runtime.ts";
import type { Life } from "../../core/ports/supervision.ts";

const FLUSH_MS = 1_000;

type Pulse = Pick<Life, "beat" | "rest">;

/** Counts the requests that have no answer yet. A live stream has its answer once it begins. */
export class Traffic {
  #unanswered = 0;
  readonly #waiting: (() => void)[] = [];
  #pulse: Pulse | undefined;

  get unanswered(): number {
    return this.#unanswered;
  }

  begin(): void {
    if (this.#unanswered++ === 0) this.#pulse?.beat();
  }

  end(): void {
    if (--this.#unanswered > 0) return this.#pulse?.beat();
    this.#pulse?.rest();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Shows a supervisor that requests are under way of which none is answered. */
  show(pulse: Pulse): void {
    this.#pulse = pulse;
    if (this.#unanswered > 0) pulse.beat();
  }

  /** Resolves once every request is answered and the last answers had time to leave, which the signal cuts short. */
  async whenAnswered(runtime: Runtime, signal: AbortSignal): Promise<void> {
    do {
      if (this.#unanswered > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      await runtime.sleep(FLUSH_MS, { signal }).catch(() => {});
    } while (this.#unanswered > 0 && !signal.aborted);
  }
}
