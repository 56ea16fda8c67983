/** What a component meets in a call that it makes: it fails once, it fails until it is mended, or has no answer. */
export type FaultKind = "dies" | "storms" | "hangs";

/** One call of a real part that can be made to go wrong. */
export class Fault {
  #kind: FaultKind | undefined;
  #met = Promise.withResolvers<void>();
  #stuck = Promise.withResolvers<void>();

  begin(kind: FaultKind): void {
    this.#kind = kind;
    this.#met = Promise.withResolvers();
    this.#stuck = Promise.withResolvers();
  }

  /** Ends it; who has had no answer goes on. */
  mend(): void {
    this.#kind = undefined;
    this.#stuck.resolve();
  }

  /** Resolves once somebody has met it. */
  get met(): Promise<void> {
    return this.#met.promise;
  }

  /** To be called where the call would be made; whoever is given a promise waits for it. */
  meet(): Promise<void> | undefined {
    const kind = this.#kind;
    if (kind === undefined) return undefined;
    if (kind !== "storms") this.#kind = undefined;
    this.#met.resolve();
    if (kind === "hangs") return this.#stuck.promise;
    throw new TypeError("a fault");
  }
}
