/**
 * Places that many hold at once: bounded in all, and for each who holds some, so that nobody takes them all. What it
 * remembers of somebody ends with their last place.
 */
export class Shares {
  readonly #all: number;
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  constructor(all: number) {
    this.#all = all;
  }

  /** A place for somebody who may hold `each`, to be left by calling it once; or why there is none. */
  take(who: string, each: number): (() => void) | "none_left" | "share_taken" {
    const held = this.#heldBy.get(who) ?? 0;
    if (held >= each) return "share_taken";
    if (this.#held >= this.#all) return "none_left";
    this.#heldBy.set(who, held + 1);
    this.#held += 1;
    return () => this.#leave(who);
  }

  #leave(who: string): void {
    const held = (this.#heldBy.get(who) ?? 0) - 1;
    if (held > 0) this.#heldBy.set(who, held);
    else this.#heldBy.delete(who);
    this.#held -= 1;
  }
}
