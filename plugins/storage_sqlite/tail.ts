import { Bell } from "../../core/engine/bell.ts";
import type { RecordedEvent } from "../../core/ports/event_store.ts";
import { type EventRow, sizeOf, toEvent } from "./event_rows.ts";

export type TailBounds = { readonly events: number; readonly bytes: number };
export type PageBounds = { readonly maxEvents: number; readonly maxBytes: number };
export type TailPage = { readonly events: readonly RecordedEvent[]; readonly position: number };

type Entry = { readonly row: EventRow; readonly bytes: number; event: RecordedEvent | undefined };

/** The events committed last, bounded in number and bytes, for all readers that keep up. */
export class Tail {
  readonly #bounds: TailBounds;
  /** The event at a position stands at the position modulo the bound. */
  readonly #entries: (Entry | undefined)[];
  readonly #moved = new Bell();
  #head: number;
  #first: number;
  #bytes = 0;

  constructor(head: number, bounds: TailBounds) {
    this.#bounds = bounds;
    this.#entries = new Array(bounds.events).fill(undefined);
    this.#head = head;
    this.#first = head + 1;
  }

  /** The position of the last event committed. */
  get head(): number {
    return this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(row: EventRow): void {
    const entry = { row, bytes: sizeOf(row), event: undefined };
    if (this.#head - this.#first + 1 >= this.#bounds.events) this.#dropFirst();
    this.#head++;
    this.#entries[this.#head % this.#bounds.events] = entry;
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#bounds.bytes && this.#first <= this.#head) this.#dropFirst();
  }

  /** Forgets everything and stands at another head. */
  reset(head: number): void {
    this.#entries.fill(undefined);
    this.#head = head;
    this.#first = head + 1;
    this.#bytes = 0;
    this.ring();
  }

  /** Wakes all that wait. */
  ring(): void {
    this.#moved.ring();
  }

  /** Resolves at the next ring or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    return this.#moved.next(signal);
  }

  /** What follows the position, or undefined when some of that is not held any more. */
  page(after: number, eventTypes: ReadonlySet<string>, { maxEvents, maxBytes }: PageBounds): TailPage | undefined {
    if (after + 1 < this.#first) return undefined;
    const events: RecordedEvent[] = [];
    let position = after;
    for (let bytes = 0; position < this.#head && position - after < maxEvents && bytes < maxBytes;) {
      const entry = this.#entries[++position % this.#bounds.events];
      if (entry === undefined) throw new Error(`expected an event at position ${position}, found none`);
      const event = entry.event ??= toEvent(entry.row);
      if (!eventTypes.has(event.eventType)) continue;
      bytes += entry.bytes;
      events.push(event);
    }
    return { events, position };
  }

  eventIdAt(position: number): string | undefined {
    if (position < this.#first || position > this.#head) return undefined;
    return this.#entries[position % this.#bounds.events]?.row[3];
  }

  #dropFirst(): void {
    const slot = this.#first++ % this.#bounds.events;
    this.#bytes -= this.#entries[slot]?.bytes ?? 0;
    this.#entries[slot] = undefined;
  }
}
