import { type RecordedEvent, streamKey, Superseded } from "../../../core/ports/event_store.ts";
import type { Tenure } from "../leases.ts";
import type { Taken } from "./dirty_queue.ts";
import type { Delivery } from "./page_maker.ts";
import type { Watermark } from "./watermarks.ts";

/** What a page that was handed out stands for, until its checkpoint is durable. */
export type Page = {
  readonly number: number;
  readonly events: readonly RecordedEvent[];
  readonly taken: readonly Taken[];
  readonly watermarks: ReadonlyMap<string, Watermark & { readonly slice: number }>;
  readonly tenures: readonly Tenure[];
};

/** The pages that one subscription was handed out and has not made durable. Their numbers only grow. */
export class Pages {
  #open: Page[] = [];
  #made = 0;
  #committed = 0;

  /** How many events were handed out behind a page. */
  eventsAfter(number: number): number {
    return this.#open.reduce((sum, page) => page.number > number ? sum + page.events.length : sum, 0);
  }

  /** The lowest order in here; Infinity when all is durable. */
  get oldest(): number {
    return Math.min(Infinity, ...this.#open.flatMap(({ taken }) => taken.map(({ order }) => order)));
  }

  get first(): Page | undefined {
    return this.#open[0];
  }

  has(key: string): boolean {
    return this.#open.some(({ watermarks }) => watermarks.has(key));
  }

  add(deliveries: readonly Delivery[], tenureOf: (slice: number) => Tenure | undefined): Page {
    const watermarks = new Map<string, Watermark & { readonly slice: number }>();
    for (const { taken: { dirty }, events } of deliveries) {
      const sequence = events.at(-1)?.sequenceNumber ?? 0;
      watermarks.set(streamKey(dirty), { stream: dirty, sequence, slice: dirty.slice });
    }
    const slices = new Set(deliveries.map(({ taken }) => taken.dirty.slice));
    this.#made += 1;
    const page: Page = {
      number: this.#made,
      events: deliveries.flatMap(({ events }) => events),
      taken: deliveries.map(({ taken }) => taken),
      watermarks,
      tenures: [...slices].flatMap((slice) => tenureOf(slice) ?? []),
    };
    this.#open.push(page);
    return page;
  }

  /**
   * All that a checkpoint makes durable: its page and those before it. Throws `Superseded` when the page was given
   * up, and a `TypeError` when it was never made.
   */
  upTo(number: number): readonly Page[] {
    if (number > this.#made) throw new TypeError(`Cannot use the checkpoint: expected a page made, found ${number}`);
    if (number <= this.#committed) return [];
    const pages = this.#open.filter((page) => page.number <= number);
    if (pages.at(-1)?.number === number) return pages;
    throw new Superseded("A page was given up, as its subscription was begun again; go on with the next one");
  }

  commit(number: number): void {
    this.#committed = Math.max(this.#committed, number);
    this.#open = this.#open.filter((page) => page.number > number);
  }

  /** Gives up whatever is not durable. */
  giveUp(): readonly Page[] {
    const pages = this.#open;
    this.#open = [];
    return pages;
  }
}
