import type { Life } from "../ports/supervision.ts";
import type { Runtime } from "../ports/runtime.ts";

/** So often nobody has seen a beat before the component counts as hung. */
const LOOKS = 6;

/**
 * Tells a component that hangs from one that rests and from one that is slow. It counts its own looks and measures no
 * time: a process that was suspended has looked no oftener than its components could have moved.
 */
export class Pulse implements Pick<Life, "beat" | "rest"> {
  /** How many looks in a row have seen no beat; undefined while it rests. */
  #missed: number | undefined;

  readonly beat = (): void => {
    this.#missed = 0;
  };

  readonly rest = (): void => {
    this.#missed = undefined;
  };

  /** Resolves with what to say of it once it hangs; never when the signal aborts before. */
  async whenHung(
    { hangsAfterMs, runtime, signal }: { hangsAfterMs: number; runtime: Runtime; signal: AbortSignal },
  ): Promise<Error> {
    while (!signal.aborted) {
      await runtime.sleep(hangsAfterMs / LOOKS, { signal }).catch(() => {});
      if (this.#missed === undefined) continue;
      if (this.#missed >= LOOKS) return new Error(`It hangs: it has not moved for ${hangsAfterMs / 1_000} s`);
      this.#missed += 1;
    }
    return await new Promise(() => {});
  }
}
