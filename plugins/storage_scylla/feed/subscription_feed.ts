import type { Backlog, Changes } from "../../../core/ports/change_log.ts";
import { type Stream, streamKey } from "../../../core/ports/event_store.ts";
import type { Leases, Tenure } from "../leases.ts";
import { toUnavailable } from "../unavailable.ts";
import { Bell } from "../../../core/engine/bell.ts";
import { type Dirty, DirtyQueue, type QueueBounds } from "./dirty_queue.ts";
import { PageMaker, type PageMakerParts } from "./page_maker.ts";
import { Pages } from "./pages.ts";
import { Positions } from "./positions.ts";
import { minuteOf } from "./times.ts";
import { writeWatermarks } from "./watermarks.ts";

export type SubscriptionFeedParts = Pick<PageMakerParts, "session" | "reader"> & {
  readonly leases: Pick<Leases, "isValid">;
  readonly queue: QueueBounds;
  /** What it was told of and had no room for has to be found again. */
  readonly onMissed: (slice: number, minute: number) => void;
};

export type ChangesOptions = {
  readonly eventTypes: ReadonlySet<string>;
  readonly aggregateTypes?: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal;
  readonly toCheckpoint: (page: number) => string;
};

type Followed = { readonly tenure: Tenure; readonly positions: Positions };

const POSITIONS_PER_SLICE = 5_000;

/** What one subscription of this copy has before it: what is dirty, what was handed out, and how far it has come. */
export class SubscriptionFeed {
  readonly name: string;
  readonly #parts: SubscriptionFeedParts;
  readonly #slices = new Map<number, Followed>();
  readonly #queue: DirtyQueue;
  readonly #pages = new Pages();
  readonly #maker: PageMaker;
  readonly #changed = new Bell();
  /** Grows whenever what is handed out has to begin again. */
  #run = 0;
  #loaded: string | undefined;
  #aggregateTypes: ReadonlySet<string> | undefined;

  constructor(name: string, parts: SubscriptionFeedParts) {
    this.name = name;
    this.#parts = parts;
    const { session, reader, queue } = parts;
    this.#queue = new DirtyQueue(queue);
    const positionsOf = (slice: number) => this.#slices.get(slice)?.positions;
    this.#maker = new PageMaker({ subscription: name, session, reader, queue: this.#queue, positionsOf });
  }

  /** Works for these slices from now on, and ends what is handed out now. */
  follow(tenures: readonly Tenure[]): void {
    for (const [slice, { tenure }] of this.#slices) {
      if (tenures.some((each) => each.slice === slice && each.epoch === tenure.epoch)) continue;
      this.#slices.delete(slice);
      this.#queue.keep((dirty) => dirty.slice !== slice);
    }
    for (const tenure of tenures) {
      const isNew = !this.#slices.has(tenure.slice);
      if (isNew) this.#slices.set(tenure.slice, { tenure, positions: new Positions(POSITIONS_PER_SLICE) });
    }
    this.#run += 1;
    this.#changed.ring();
  }

  /** Whether the subscriber may have anything to do with a stream; until it has said, it may with any. */
  takes({ aggregateType }: Stream): boolean {
    return this.#aggregateTypes?.has(aggregateType) !== false;
  }

  /** Takes note of what a stream may hold. */
  offer(dirty: Dirty): void {
    if (!this.takes(dirty)) return;
    const followed = this.#slices.get(dirty.slice);
    if (followed === undefined) return;
    const position = followed.positions.get(streamKey(dirty));
    if (position !== undefined && dirty.through <= position.delivered) return;
    if (this.#queue.offer(dirty)) this.#changed.ring();
    // What is told of when it was acknowledged may have been announced in the minute before.
    else this.#parts.onMissed(dirty.slice, minuteOf(dirty.atMs) - 1);
  }

  /** The same for what will be offered in any case: it may take half of the room. */
  hint(dirty: Dirty): void {
    if (this.#queue.hasRoom) this.offer(dirty);
  }

  /** The same for those who can wait until there is room for what they bring. */
  async offerSlowly(dirty: Dirty, signal: AbortSignal): Promise<void> {
    while (!this.#queue.hasRoom && !signal.aborted) await this.#changed.next(signal);
    this.offer(dirty);
  }

  /** Whether something of a stream waits to be shown, or was shown and is not durable yet. */
  isUnderWay(stream: Stream): boolean {
    const key = streamKey(stream);
    return this.#queue.has(key) || this.#maker.has(key) || this.#pages.has(key);
  }

  positionsOf(slice: number): Positions | undefined {
    return this.#slices.get(slice)?.positions;
  }

  /** Resolves once all that was offered so far is durable. */
  async whenDurable(signal: AbortSignal): Promise<void> {
    const { made } = this.#queue;
    const oldest = () => Math.min(this.#queue.oldest, this.#maker.oldest, this.#pages.oldest);
    while (oldest() <= made && !signal.aborted) await this.#changed.next(signal);
  }

  /** The slices whose progress is now being loaded: pages are of these and no others. */
  load(): readonly Tenure[] {
    this.#loaded = this.#tenures();
    return [...this.#slices.values()].map(({ tenure }) => tenure);
  }

  async *changes(
    { eventTypes, aggregateTypes, signal, toCheckpoint }: ChangesOptions,
  ): AsyncGenerator<Changes, void> {
    this.#aggregateTypes = aggregateTypes;
    this.#queue.keep((dirty) => this.takes(dirty));
    if (this.#loaded !== undefined && this.#loaded !== this.#tenures()) return;
    this.#run += 1;
    const run = this.#run;
    for (const { taken } of this.#pages.giveUp()) for (const each of taken) this.#maker.takeBack(each);
    while (!signal.aborted && run === this.#run) {
      const deliveries = await this.#maker.make().catch((error) => {
        throw toUnavailable(error);
      });
      if (deliveries.length === 0) {
        if (this.#queue.size === 0) await this.#changed.next(signal);
        continue;
      }
      if (run !== this.#run || signal.aborted) {
        for (const { taken } of deliveries) this.#maker.takeBack(taken);
        this.#maker.handedOver();
        return;
      }
      const page = this.#pages.add(deliveries, (slice) => this.#slices.get(slice)?.tenure);
      this.#maker.handedOver();
      this.#changed.ring();
      const events = page.events.filter(({ eventType }) => eventTypes.has(eventType));
      yield { events, checkpoint: toCheckpoint(page.number), more: this.#queue.size > 0 };
    }
  }

  /** Whether everything up to a page may take effect now; throws as `Pages.upTo` does. */
  isValid(page: number): boolean {
    const { leases } = this.#parts;
    return this.#pages.upTo(page).every(({ tenures }) => tenures.every((tenure) => leases.isValid(tenure)));
  }

  /** Makes everything up to a page count. Throws a `CqlError`. */
  async commit(number: number): Promise<void> {
    const pages = this.#pages.upTo(number);
    const last = new Map(pages.flatMap(({ watermarks }) => [...watermarks]));
    await writeWatermarks(this.#parts.session, this.name, [...last.values()]);
    for (const [key, { slice, sequence }] of last) this.#slices.get(slice)?.positions.learn(key, sequence);
    this.#pages.commit(number);
    this.#changed.ring();
  }

  /** What waits behind a page, as far as this copy knows. */
  backlog(after: number): Backlog {
    let events = this.#pages.eventsAfter(after);
    let sinceMs = events === 0
      ? Infinity
      : Math.min(...(this.#pages.first?.taken ?? []).map((each) => each.dirty.atMs));
    for (const dirty of this.#queue.entries()) {
      const delivered = this.#slices.get(dirty.slice)?.positions.get(streamKey(dirty))?.delivered;
      const known = delivered === undefined || dirty.through === Infinity
        ? dirty.events.length
        : dirty.through - delivered;
      events += Math.max(1, known);
      sinceMs = Math.min(sinceMs, dirty.atMs);
    }
    return { events, since: sinceMs === Infinity ? null : new Date(sinceMs).toISOString() };
  }

  #tenures(): string {
    return [...this.#slices.values()].map(({ tenure }) => `${tenure.slice}:${tenure.epoch}`).toSorted().join();
  }
}
