import { assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Changes } from "../../core/ports/change_log.ts";
import { type RecordedEvent, type Stream, streamKey, Unavailable } from "../../core/ports/event_store.ts";
import type { ProgressUpdate } from "../../core/ports/progress.ts";
import type { ReadModel } from "../../core/ports/read_models.ts";
import type { OpenedFeed } from "./feed.ts";
import { NO_PROGRESS, prepared, readModel } from "./read_model_samples.ts";
import { appendNext, HARD_JSON, type Open, placeOf, sampleEvent, sampleEvents, streamOf } from "./samples.ts";
import { until } from "./surroundings.ts";

type OpenSource = Open<OpenedFeed>;

/** What a subscription and a live reader can rely on, however many processes share the work. */
export function changeSourceContract(name: string, open: OpenSource): void {
  describe(`${name} as a change source`, () => {
    telling(open);
    counting(open);
    backlogs(open);
    ending(open);
    watching(open);
  });
}

function telling(open: OpenSource): void {
  it("tells what there is and what comes, as the store gives it back, in order for each aggregate", async () => {
    await using opened = await open();
    const full = sampleEvent({ data: HARD_JSON, metadata: { a: 1 }, userId: "u\ud800\0", commandId: "c" });
    await appendNext(opened.store, streamOf("full"), [full]);
    for (const id of ["a", "b", "a"]) await appendNext(opened.store, streamOf(id), sampleEvents(2));
    await using reader = await openReader(opened);
    await reader.until(7);
    await appendNext(opened.store, streamOf("b"), sampleEvents(3));
    await reader.until(10);
    assertEquals(reader.numbersOf("a"), [1, 2, 3, 4]);
    assertEquals(reader.numbersOf("b"), [1, 2, 3, 4, 5]);
    const stored = await opened.store.read(streamOf("full"), { after: 0, limit: 1 });
    assertEquals(reader.told.filter(({ aggregateId }) => aggregateId === "full"), stored);
  });

  it("tells many events of many aggregates, more than pages hold, to a subscription that comes late", async () => {
    await using opened = await open();
    const ids = Array.from({ length: 40 }, (_, at) => `stream-${at}`);
    await Promise.all(ids.map((id) => appendNext(opened.store, streamOf(id), sampleEvents(40))));
    await using reader = await openReader(opened);
    await reader.until(1_600);
    const expected = Array.from({ length: 40 }, (_, at) => at + 1);
    for (const id of ids) assertEquals(reader.numbersOf(id), expected);
  });

  it("misses nothing while several writers append, each stream's events in order", async () => {
    await using opened = await open();
    await using reader = await openReader(opened);
    const writer = async (id: string) => {
      for (let count = 0; count < 15; count++) await appendNext(opened.store, streamOf(id), sampleEvents(2));
    };
    const ids = ["a", "b", "c", "d", "e", "f"];
    const writers = ids.map(writer);
    await reader.until(180);
    await Promise.all(writers);
    for (const id of ids) assertEquals(reader.numbersOf(id), Array.from({ length: 30 }, (_, at) => at + 1));
  });

  it("leaves out events of other types, but passes them with its pages", async () => {
    await using opened = await open();
    await using reader = await openReader(opened);
    await appendNext(opened.store, streamOf("a"), [sampleEvent({ eventType: "Ignored" }), sampleEvent()]);
    await appendNext(opened.store, streamOf("b"), sampleEvents(2, { eventType: "Ignored" }));
    await reader.pass({ ...streamOf("a"), version: 2 });
    await reader.pass({ ...streamOf("b"), version: 2 });
    assertEquals(reader.told.map(placeOf), ["a/2"]);
  });
}

function counting(open: OpenSource): void {
  it("counts a page only once it is durable: what was not is told again, what was is not", async () => {
    await using opened = await open();
    await using first = await openReader(opened);
    await appendNext(opened.store, streamOf("a"), sampleEvents(2));
    await first.until(2);
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    await appendNext(opened.store, streamOf("b"), sampleEvents(1));
    await first.until(4, { commits: false });
    await first[Symbol.asyncDispose]();
    await using second = await openReader(opened);
    await second.until(2);
    assertEquals(second.told.map(placeOf).toSorted(), ["a/3", "b/1"]);
    await second[Symbol.asyncDispose]();
    await using third = await openReader(opened);
    await appendNext(opened.store, streamOf("b"), sampleEvents(1));
    await third.until(1);
    assertEquals(third.told.map(placeOf), ["b/2"]);
  });

  it("counts what stands before a page that is durable", async () => {
    await using opened = await open();
    await using first = await openReader(opened);
    const pages: Changes[] = [];
    for (const id of ["a", "b", "c"]) {
      await appendNext(opened.store, streamOf(id), sampleEvents(1));
      pages.push(...await first.until(pages.length + 1, { commits: false }));
    }
    await first.commit(pages.at(-1));
    await first[Symbol.asyncDispose]();
    await using second = await openReader(opened);
    await appendNext(opened.store, streamOf("d"), sampleEvents(1));
    await second.until(1);
    assertEquals(second.told.map(placeOf), ["d/1"]);
  });

  it("keeps subscriptions apart", async () => {
    await using opened = await open();
    await using first = await openReader(opened);
    await appendNext(opened.store, streamOf("a"), [sampleEvent(), sampleEvent({ eventType: "Other" })]);
    await first.until(1);
    await using second = await openReader(opened, { name: "sample_v2", eventTypes: ["Other"] });
    await second.until(1);
    assertEquals(first.told.map(placeOf), ["a/1"]);
    assertEquals(second.told.map(placeOf), ["a/2"]);
  });
}

function backlogs(open: OpenSource): void {
  it("says how much waits, and since when, until it is durable", async () => {
    await using opened = await open();
    await using reader = await openReader(opened);
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    await appendNext(opened.store, streamOf("a"), sampleEvents(3));
    const [page] = await reader.until(4, { commits: false });
    const before = await reader.backlog();
    assertGreaterOrEqual(before.events, 1);
    assertEquals(Number.isNaN(Date.parse(before.since ?? "")), false);
    assertEquals(page?.events.length, 3);
    await reader.commit(page);
    assertEquals(await reader.backlog(), { events: 0, since: null });
    await until(async () => await reader.handledShare() === 1);
  });
}

function ending(open: OpenSource): void {
  it("ends at once when its signal aborts, waiting or not, and under one that has aborted before", async () => {
    await using opened = await open();
    const { model } = await prepared(opened);
    const subscription = model.incarnation;
    const eventTypes = new Set(["Counted"]);
    const { checkpoint: after } = await opened.readModels.progress.load(subscription);
    const abort = new AbortController();
    const pages = opened.source.changes({ subscription, after, eventTypes, signal: abort.signal });
    const iterator = pages[Symbol.asyncIterator]();
    const next = iterator.next();
    abort.abort();
    assertEquals((await next).done, true);
    assertEquals((await iterator.next()).done, true);
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    const signal = AbortSignal.abort();
    for await (const _ of opened.source.changes({ subscription, after, eventTypes, signal })) {
      throw new Error("expected no page under an aborted signal");
    }
  });
}

function watching(open: OpenSource): void {
  const eventTypes = new Set(["Counted"]);

  it("tells a watcher what comes in the streams that are wanted, in order, until its signal aborts", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(2));
    const abort = new AbortController();
    const wants = ({ aggregateId }: Stream) => aggregateId !== "unwanted";
    const pages = await opened.source.watch({ eventTypes, wants, signal: abort.signal });
    await appendNext(opened.store, streamOf("unwanted"), sampleEvents(1));
    for (let round = 0; round < 5; round++) {
      await appendNext(opened.store, streamOf("a"), [sampleEvent(), sampleEvent({ eventType: "Other" })]);
      await appendNext(opened.store, streamOf("b"), sampleEvents(2));
    }
    const told = new Map<string, number[]>();
    for await (const events of pages) {
      assertGreater(events.length, 0);
      for (const { aggregateId, sequenceNumber, eventType } of events) {
        assertEquals(eventType, "Counted");
        // Some may be told that were there before, and some again.
        const numbers = told.get(aggregateId) ?? [];
        if (sequenceNumber > (numbers.at(-1) ?? 0)) numbers.push(sequenceNumber);
        told.set(aggregateId, numbers);
      }
      if (told.get("a")?.at(-1) === 11 && told.get("b")?.at(-1) === 10) abort.abort();
    }
    assertEquals(told.get("a")?.filter((number) => number > 2), [3, 5, 7, 9, 11]);
    assertEquals(told.get("b"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assertEquals(told.has("unwanted"), false);
  });

  it("wakes a watcher that waits, and lets it go when its signal aborts", async () => {
    await using opened = await open();
    const abort = new AbortController();
    const pages = await opened.source.watch({ eventTypes, wants: () => true, signal: abort.signal });
    const iterator = pages[Symbol.asyncIterator]();
    const first = iterator.next();
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    const { value } = await first;
    assertEquals(value?.map(placeOf), ["a/1"]);
    const end = iterator.next();
    abort.abort();
    assertEquals((await end).done, true);
  });
}

export type ReaderOptions = { readonly name?: string; readonly eventTypes?: readonly string[] };

/** A reader whose read model is there. */
export async function openReader(opened: OpenedFeed, options: ReaderOptions = {}): Promise<Reader> {
  const { name = "sample_v1", eventTypes = ["Counted"] } = options;
  const model = readModel(name);
  await opened.readModels.prepare(model);
  return new Reader(opened, { model, eventTypes });
}

const MAX_BEGINNINGS = 20;

/** One subscription as the engine runs it: begun again, behind what is durable, whenever its pages end. */
export class Reader implements AsyncDisposable {
  /** Every event when it was told for the first time. */
  readonly told: RecordedEvent[] = [];
  readonly #opened: OpenedFeed;
  readonly #model: ReadModel;
  readonly #eventTypes: ReadonlySet<string>;
  readonly #abort = new AbortController();
  readonly #places = new Set<string>();
  #pages: AsyncIterator<Changes> | undefined;

  constructor(
    opened: OpenedFeed,
    { model, eventTypes }: { readonly model: ReadModel; readonly eventTypes: readonly string[] },
  ) {
    this.#opened = opened;
    this.#model = model;
    this.#eventTypes = new Set(eventTypes);
  }

  /** Reads until so many events were told, and makes each page durable unless asked not to. */
  async until(count: number, { commits = true } = {}): Promise<readonly Changes[]> {
    const pages: Changes[] = [];
    while (this.told.length < count) {
      const page = await this.#next();
      pages.push(page);
      if (commits) await this.commit(page);
    }
    return pages;
  }

  /** Reads and makes durable until the write is passed. */
  async pass(write: Stream & { readonly version: number }): Promise<void> {
    const { progress } = this.#opened.readModels;
    while ((await progress.standing(this.#model.incarnation, write)).is === "behind") {
      await this.commit(await this.#next());
    }
  }

  async commit(page: Changes | undefined, change: Partial<ProgressUpdate> = {}): Promise<void> {
    const progress = { ...NO_PROGRESS, ...change, checkpoint: page?.checkpoint ?? null };
    await this.#opened.readModels.write(this.#model, { documents: [], progress });
  }

  async backlog() {
    const subscription = this.#model.incarnation;
    const { checkpoint: after } = await this.#opened.readModels.progress.load(subscription);
    return await this.#opened.source.backlog({ subscription, after });
  }

  async handledShare() {
    const subscription = this.#model.incarnation;
    const { checkpoint: after } = await this.#opened.readModels.progress.load(subscription);
    return await this.#opened.source.handledShare({ subscription, after });
  }

  numbersOf(id: string): readonly number[] {
    return this.told.filter(({ aggregateId }) => aggregateId === id).map(({ sequenceNumber }) => sequenceNumber);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#pages?.return?.();
  }

  async #next(): Promise<Changes> {
    for (let beginnings = 0; beginnings < MAX_BEGINNINGS; beginnings++) {
      this.#pages ??= await this.#begin();
      const { value, done } = await this.#pages.next();
      if (done) {
        this.#pages = undefined;
        continue;
      }
      for (const event of value.events) this.#note(event);
      return value;
    }
    throw new Unavailable(`expected a page of changes, found the end ${MAX_BEGINNINGS} times`);
  }

  #note(event: RecordedEvent): void {
    const place = `${streamKey(event)}/${event.sequenceNumber}`;
    if (!this.#places.has(place)) this.told.push(event);
    this.#places.add(place);
  }

  async #begin(): Promise<AsyncIterator<Changes>> {
    const subscription = this.#model.incarnation;
    const { checkpoint: after } = await this.#opened.readModels.progress.load(subscription);
    const signal = this.#abort.signal;
    return this.#opened.source.changes({ subscription, after, eventTypes: this.#eventTypes, signal })[
      Symbol.asyncIterator
    ]();
  }
}

const SOON_MS = 30_000;

/** Rejects when so much is not told in time. */
export async function readSoon(reader: Reader, count: number, options?: { readonly commits: boolean }) {
  const timer = setTimeout(() => reader[Symbol.asyncDispose](), SOON_MS);
  try {
    return await reader.until(count, options);
  } finally {
    clearTimeout(timer);
  }
}
