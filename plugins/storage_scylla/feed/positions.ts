/** Up to which event of an aggregate the subscriber was shown, and up to which it is known that this is durable. */
export type Position = { readonly delivered: number; readonly durable: number };

/** The positions of the aggregates used last; what is not here stands in the table of watermarks. */
export class Positions {
  readonly #limit: number;
  readonly #positions = new Map<string, Position>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Position | undefined {
    const position = this.#positions.get(key);
    if (position === undefined) return undefined;
    this.#positions.delete(key);
    this.#positions.set(key, position);
    return position;
  }

  /** What the table says: a lower bound, which never takes anything back. */
  learn(key: string, durable: number): Position {
    const known = this.#positions.get(key);
    return this.#set(key, {
      durable: Math.max(durable, known?.durable ?? 0),
      delivered: Math.max(durable, known?.delivered ?? 0),
    });
  }

  deliver(key: string, through: number): void {
    this.#set(key, { durable: this.#positions.get(key)?.durable ?? 0, delivered: through });
  }

  /** What was shown without becoming durable counts as not shown. */
  takeBack(key: string): void {
    const known = this.#positions.get(key);
    if (known !== undefined) this.#set(key, { ...known, delivered: known.durable });
  }

  #set(key: string, position: Position): Position {
    this.#positions.delete(key);
    this.#positions.set(key, position);
    if (this.#positions.size > this.#limit) {
      for (const first of this.#positions.keys()) {
        this.#positions.delete(first);
        break;
      }
    }
    return position;
  }
}
