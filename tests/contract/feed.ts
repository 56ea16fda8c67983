import type { Changes } from "../../core/ports/change_log.ts";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import { type EventStore, streamKey, Unavailable } from "../../core/ports/event_store.ts";
import type { ProgressUpdate, Write } from "../../core/ports/progress.ts";
import type { ReadModel } from "../../core/ports/read_models.ts";
import { NO_PROGRESS, type OpenedReadModels } from "./read_model_samples.ts";
import { appendNext, sampleEvents, streamOf } from "./samples.ts";

export type OpenedFeed = OpenedReadModels & { readonly store: EventStore; readonly source: ChangeSource };

const MAX_BEGINNINGS = 20;

/** A feed that has made its first page durable: from then on a store that shares work between copies has its share. */
export async function openFeed(opened: OpenedFeed, model: ReadModel): Promise<Feed> {
  const feed = new Feed(opened, model);
  await feed.commit(await feed.read(["opened"]));
  return feed;
}

/** A read model's pages, taken by hand: from what is durable on, and so again whenever they end. */
export class Feed implements AsyncDisposable {
  readonly #opened: OpenedFeed;
  readonly #model: ReadModel;
  readonly #abort = new AbortController();
  #pages: AsyncIterator<Changes> | undefined;

  constructor(opened: OpenedFeed, model: ReadModel) {
    this.#opened = opened;
    this.#model = model;
  }

  /** Appends an event to each of these streams, and reads until all of them, or so many, were told. */
  async read(ids: readonly string[], options: { readonly expected?: number } = {}): Promise<readonly Changes[]> {
    for (const id of ids) await appendNext(this.#opened.store, streamOf(id), sampleEvents(1));
    const { expected = ids.length } = options;
    const pages: Changes[] = [];
    const told = new Set<string>();
    while (told.size < expected) {
      const { page, isAnew } = await this.#next();
      if (isAnew) {
        // What was told before is not durable, so it comes again.
        pages.length = 0;
        told.clear();
      }
      pages.push(page);
      for (const event of page.events) told.add(`${streamKey(event)}/${event.sequenceNumber}`);
    }
    return pages;
  }

  /** Makes the pages durable in turn, the first of them, or none, with what else is to be kept. */
  async commit(pages: readonly Changes[], change: Partial<ProgressUpdate> = {}): Promise<void> {
    const updates = pages.map(({ checkpoint }) => ({ ...NO_PROGRESS, checkpoint }));
    const [first = NO_PROGRESS, ...rest] = updates;
    for (const progress of [{ ...first, ...change }, ...rest]) {
      await this.#opened.readModels.write(this.#model, { documents: [], progress });
    }
  }

  /** Reads and makes durable until the write is passed. */
  async pass(write: Write): Promise<void> {
    const { progress } = this.#opened.readModels;
    while ((await progress.standing(this.#model.incarnation, write)).is === "behind") {
      await this.commit([(await this.#next()).page]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#pages?.return?.();
  }

  async #next(): Promise<{ readonly page: Changes; readonly isAnew: boolean }> {
    for (let beginnings = 0; beginnings < MAX_BEGINNINGS; beginnings++) {
      this.#pages ??= await this.#begin();
      const { value, done } = await this.#pages.next();
      if (!done) return { page: value, isAnew: beginnings > 0 };
      this.#pages = undefined;
    }
    throw new Unavailable(`expected a page of changes, found the end ${MAX_BEGINNINGS} times`);
  }

  async #begin(): Promise<AsyncIterator<Changes>> {
    const { source, readModels } = this.#opened;
    const subscription = this.#model.incarnation;
    const { checkpoint } = await readModels.progress.load(subscription);
    const eventTypes = new Set(["Counted"]);
    const pages = source.changes({ subscription, after: checkpoint, eventTypes, signal: this.#abort.signal });
    return pages[Symbol.asyncIterator]();
  }
}
