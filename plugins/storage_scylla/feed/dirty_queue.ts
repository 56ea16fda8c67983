import { jsonSize } from "../../../core/engine/json_size.ts";
import { type RecordedEvent, type Stream, streamKey } from "../../../core/ports/event_store.ts";

/** An aggregate that may hold events a subscription was not shown. */
export type Dirty = Stream & {
  readonly slice: number;
  /** The last of them that is known of; Infinity when that is not known. */
  readonly through: number;
  /** When the first of them was announced, in milliseconds since 1970. */
  readonly atMs: number;
  /** Some of them, in order, if they came along; the stream has them all. */
  readonly events: readonly RecordedEvent[];
  /** When this process has just appended the first of them: no subscription can have been shown any. */
  readonly isNew?: boolean;
};

/** `order` grows with each that was offered anew, and stays with what it was given to. */
export type Taken = { readonly dirty: Dirty; readonly order: number };
type Held = Taken & { readonly bytes: number };

export type QueueBounds = { readonly aggregates: number; readonly bytes: number };

/** What one subscription has to look at, first come first served, an aggregate once. */
export class DirtyQueue {
  readonly #bounds: QueueBounds;
  readonly #held = new Map<string, Held>();
  #made = 0;
  #bytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Whether those who can wait may add to it: what cannot wait has the other half. */
  get hasRoom(): boolean {
    return this.#held.size < this.#bounds.aggregates / 2 && this.#bytes < this.#bounds.bytes / 2;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  /** The order given last. */
  get made(): number {
    return this.#made;
  }

  /** The lowest order in here; Infinity when it is empty. */
  get oldest(): number {
    return this.#held.values().reduce((oldest, { order }) => Math.min(oldest, order), Infinity);
  }

  /** False when there is no room for another aggregate: then it is not in here. */
  offer(dirty: Dirty): boolean {
    const isKnown = this.#held.has(streamKey(dirty));
    if (!isKnown && this.#held.size >= this.#bounds.aggregates) return false;
    if (!isKnown) this.#made += 1;
    this.#put({ dirty, order: this.#made });
    return true;
  }

  /** Takes out some of the first: about as many as make so many events. */
  take(events: number): Taken[] {
    const taken: Taken[] = [];
    let count = 0;
    for (const [key, held] of this.#held) {
      if (count >= events) break;
      this.#remove(key, held);
      taken.push(held);
      count += Math.max(1, held.dirty.events.length);
    }
    return taken;
  }

  /** For what was taken and is not done: there is always room for it. */
  putBack(taken: Taken): void {
    this.#put(taken);
  }

  /** Forgets all others. */
  keep(isWanted: (dirty: Dirty) => boolean): void {
    for (const [key, held] of this.#held) if (!isWanted(held.dirty)) this.#remove(key, held);
  }

  entries(): Iterable<Dirty> {
    return this.#held.values().map(({ dirty }) => dirty);
  }

  #put({ dirty, order }: Taken): void {
    const key = streamKey(dirty);
    const held = this.#held.get(key);
    if (held === undefined) return this.#hold(key, { dirty, order, bytes: sizeOf(dirty.events) });
    const last = held.dirty.events.at(-1)?.sequenceNumber;
    const further = last === undefined ? dirty.events : dirty.events.filter((event) => event.sequenceNumber > last);
    const added = last === undefined || further[0]?.sequenceNumber === last + 1 ? further : [];
    this.#bytes -= held.bytes;
    const merged = {
      ...held.dirty,
      through: Math.max(held.dirty.through, dirty.through),
      atMs: Math.min(held.dirty.atMs, dirty.atMs),
      events: [...held.dirty.events, ...added],
    };
    this.#hold(key, { dirty: merged, order: Math.min(held.order, order), bytes: held.bytes + sizeOf(added) });
  }

  #hold(key: string, held: Held): void {
    const fits = this.#bytes + held.bytes <= this.#bounds.bytes;
    const kept = fits ? held : { ...held, dirty: { ...held.dirty, events: [] }, bytes: 0 };
    this.#bytes += kept.bytes;
    this.#held.set(key, kept);
  }

  #remove(key: string, { bytes }: Held): void {
    this.#held.delete(key);
    this.#bytes -= bytes;
  }
}

/** What an event takes beside its data. */
const EVENT_BYTES = 500;

function sizeOf(events: readonly RecordedEvent[]): number {
  return events.reduce((sum, { data }) => sum + jsonSize(data) + EVENT_BYTES, 0);
}
