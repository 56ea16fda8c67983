import { type EventStore, type RecordedEvent, streamKey } from "../../../core/ports/event_store.ts";
import { inFlight } from "../../../core/engine/in_flight.ts";
import type { CqlSession } from "../session.ts";
import type { DirtyQueue, Taken } from "./dirty_queue.ts";
import { nextAfter } from "./gate.ts";
import type { Positions } from "./positions.ts";
import { readWatermarks } from "./watermarks.ts";

/** Events of one aggregate that come next, and what they were taken for. */
export type Delivery = { readonly taken: Taken; readonly events: readonly RecordedEvent[] };

export type PageMakerParts = {
  readonly subscription: string;
  readonly session: CqlSession;
  readonly reader: Pick<EventStore, "read">;
  readonly queue: DirtyQueue;
  /** Of a slice; undefined when it is not this copy's any more. */
  readonly positionsOf: (slice: number) => Positions | undefined;
};

const PAGE_EVENTS = 500;
/** How many streams are read at a time, and how much of each: an event may take half a megabyte. */
const READS = 16;
const READ_EVENTS = 32;

/** Makes pages of what is dirty, each aggregate in order behind what was delivered of it before. */
export class PageMaker {
  readonly #parts: PageMakerParts;
  #working: readonly Taken[] = [];

  constructor(parts: PageMakerParts) {
    this.#parts = parts;
  }

  /** The lowest order of what is being worked on; Infinity when there is nothing. */
  get oldest(): number {
    return this.#working.reduce((oldest, { order }) => Math.min(oldest, order), Infinity);
  }

  has(key: string): boolean {
    return this.#working.some(({ dirty }) => streamKey(dirty) === key);
  }

  /** Empty when there is nothing to deliver. An error leaves everything as it was. */
  async make(): Promise<readonly Delivery[]> {
    const { queue } = this.#parts;
    const deliveries: Delivery[] = [];
    const undone = new Set<Taken>();
    let events = 0;
    try {
      while (events < PAGE_EVENTS && queue.size > 0) {
        const batch = queue.take(PAGE_EVENTS - events);
        for (const each of batch) undone.add(each);
        this.#working = [...deliveries.map(({ taken }) => taken), ...undone];
        await this.#learn(batch);
        const waiting = batch.filter((taken) => {
          const next = this.#known(taken);
          if (next === undefined) return true;
          events += this.#deliver(taken, { next, isAll: false, deliveries });
          undone.delete(taken);
          return false;
        });
        for (let at = 0; at < waiting.length && events < PAGE_EVENTS; at += READS) {
          await inFlight(waiting.slice(at, at + READS), READS, async (taken) => {
            const next = await this.#read(taken);
            events += this.#deliver(taken, { next, isAll: next.length < READ_EVENTS, deliveries });
            undone.delete(taken);
          });
        }
        for (const each of undone) queue.putBack(each);
        undone.clear();
      }
      this.#working = deliveries.map(({ taken }) => taken);
      return deliveries;
    } catch (error) {
      for (const each of undone) queue.putBack(each);
      for (const { taken } of deliveries) this.takeBack(taken);
      this.#working = [];
      throw error;
    }
  }

  /** What was made is in other hands now: until then it counts as worked on, so that it is never out of sight. */
  handedOver(): void {
    this.#working = [];
  }

  /** For what was delivered in vain: it is looked at again, behind what is durable. */
  takeBack(taken: Taken): void {
    const { queue, positionsOf } = this.#parts;
    const positions = positionsOf(taken.dirty.slice);
    if (positions === undefined) return;
    positions.takeBack(streamKey(taken.dirty));
    queue.putBack(taken);
  }

  /** Finds the positions of all of them, in the table where need be: absent there is 0, and never a first number. */
  async #learn(batch: readonly Taken[]): Promise<void> {
    const { session, subscription, positionsOf } = this.#parts;
    for (const { dirty } of batch) if (dirty.isNew) positionsOf(dirty.slice)?.learn(streamKey(dirty), 0);
    const unknown = batch.filter(({ dirty }) => positionsOf(dirty.slice)?.get(streamKey(dirty)) === undefined);
    if (unknown.length === 0) return;
    const found = await readWatermarks(session, subscription, unknown.map(({ dirty }) => dirty));
    for (const { dirty } of unknown) {
      const key = streamKey(dirty);
      positionsOf(dirty.slice)?.learn(key, found.get(key) ?? 0);
    }
  }

  /** What comes next as far as that came along; undefined when the stream has to be read. */
  #known({ dirty }: Taken): readonly RecordedEvent[] | undefined {
    const positions = this.#parts.positionsOf(dirty.slice);
    const position = positions?.get(streamKey(dirty));
    if (positions === undefined) return [];
    if (position === undefined) return undefined;
    if (dirty.through <= position.delivered) return [];
    const next = nextAfter(position.delivered, dirty.events);
    return next.length === 0 ? undefined : next;
  }

  async #read({ dirty }: Taken): Promise<readonly RecordedEvent[]> {
    const delivered = this.#parts.positionsOf(dirty.slice)?.get(streamKey(dirty))?.delivered ?? 0;
    const read = await this.#parts.reader.read(dirty, { after: delivered, limit: READ_EVENTS });
    return nextAfter(delivered, read);
  }

  /** How many events were added. `isAll`: the stream held no more when it was read. */
  #deliver(
    taken: Taken,
    { next, isAll, deliveries }: {
      readonly next: readonly RecordedEvent[];
      readonly isAll: boolean;
      readonly deliveries: Delivery[];
    },
  ): number {
    const { queue, positionsOf } = this.#parts;
    const { dirty, order } = taken;
    const positions = positionsOf(dirty.slice);
    const last = next.at(-1)?.sequenceNumber;
    if (positions === undefined || last === undefined) return 0;
    positions.deliver(streamKey(dirty), last);
    const known = { ...dirty, isNew: false };
    deliveries.push({ taken: { dirty: { ...known, events: [] }, order }, events: next });
    if (!isAll && dirty.through > last) {
      queue.putBack({ dirty: { ...known, events: dirty.events.filter((each) => each.sequenceNumber > last) }, order });
    }
    return next.length;
  }
}
