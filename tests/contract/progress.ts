import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { ChangeLog, Changes } from "../../core/ports/change_log.ts";
import type { Parked, ParkedPage } from "../../core/ports/progress.ts";
import { InvalidCursor } from "../../core/ports/read_models.ts";
import { Feed, type OpenedFeed, openFeed } from "./feed.ts";
import {
  checkpointNow,
  documentOf,
  HARD_TEXTS,
  NO_PROGRESS,
  type OpenedReadModels,
  parkedOf,
  prepared,
  readModel,
} from "./read_model_samples.ts";
import { appendNext, type Open, placeOf, sampleEvents, streamOf } from "./samples.ts";

type OpenProgress = Open<OpenedFeed>;

/**
 * The progress of read models: what a page made durable, a parked aggregate and a waiting reader can rely on, wherever
 * pages come from.
 */
export function progressContract(name: string, open: OpenProgress): void {
  describe(`${name} as a keeper of progress`, () => {
    checkpoints(open);
    parking(open);
    standing(open);
    moving(open);
  });
}

/** What only a log can promise, whose checkpoints are places that mean the same later. */
export function logProgressContract(name: string, open: Open<OpenedFeed & { readonly log: ChangeLog }>): void {
  describe(`${name} as a keeper of places in its log`, () => {
    it("gives back the checkpoint that was stored, and leaves it where none is given", async () => {
      await using opened = await open();
      const { readModels, model } = await prepared(opened);
      await appendNext(opened.store, streamOf("a"), sampleEvents(1));
      const checkpoint = await checkpointNow(opened.log);
      await readModels.write(model, {
        documents: [documentOf("a", {})],
        progress: { ...NO_PROGRESS, checkpoint },
      });
      assertEquals((await readModels.progress.load("sample_v1")).checkpoint, checkpoint);
      await readModels.write(model, { documents: [documentOf("b", {})], progress: NO_PROGRESS });
      assertEquals((await readModels.progress.load("sample_v1")).checkpoint, checkpoint);
      assertEquals((await readModels.get(model, ["a", "b"])).size, 2);
    });
  });
}

function checkpoints(open: OpenProgress): void {
  it("knows no progress of a subscription that has made none", async () => {
    await using opened = await open();
    const { readModels } = await prepared(opened);
    assertEquals(await readModels.progress.load("sample_v1"), { checkpoint: null, parked: [] });
    assertEquals(await readModels.progress.load("never_prepared_v1"), { checkpoint: null, parked: [] });
  });

  it("refuses a whole write with a checkpoint that no change source made", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    for (const checkpoint of ["", "x", "-1", "1.5", "99999999999999999999", " 1"]) {
      const change = { documents: [documentOf("a", {})], progress: { ...NO_PROGRESS, checkpoint } };
      await assertRejects(() => readModels.write(model, change), TypeError);
    }
    assertEquals((await readModels.get(model, ["a"])).size, 0);
    assertEquals(await readModels.progress.standing("sample_v1", { ...streamOf("a"), version: 1 }), { is: "behind" });
  });

  it("keeps incarnations apart", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await readModels.prepare(readModel("sample_v2"));
    await using feed = await openFeed(opened, model);
    await feed.commit(await feed.read(["a"]), { park: [parkedOf("b")] });
    assertEquals(await readModels.progress.standing("sample_v1", { ...streamOf("a"), version: 1 }), { is: "passed" });
    assertEquals(await readModels.progress.load("sample_v2"), { checkpoint: null, parked: [] });
    assertEquals(await readModels.progress.standing("sample_v2", { ...streamOf("a"), version: 1 }), { is: "behind" });
    assertEquals(await readModels.progress.standing("sample_v2", { ...streamOf("b"), version: 2 }), { is: "behind" });
  });

  it("goes on behind what is durable: nothing of it is told again, all that follows is", async () => {
    await using opened = await open();
    const { model } = await prepared(opened);
    await using first = await openFeed(opened, model);
    await first.commit(await first.read(["a", "b", "a"]));
    const told = await first.read(["a", "b"]);
    assertEquals(placesIn(told), ["a/3", "b/2"]);
    await first[Symbol.asyncDispose]();
    await using next = new Feed(opened, model);
    assertEquals(placesIn(await next.read(["c"], { expected: 3 })), ["a/3", "b/2", "c/1"]);
  });
}

function parking(open: OpenProgress): void {
  it("parks aggregates, changes what it knows of them, and forgets them again", async () => {
    await using opened = await open();
    const { model } = await prepared(opened);
    await using feed = await openFeed(opened, model);
    const write = (park: ReturnType<typeof parkedOf>[], unpark: string[] = []) =>
      feed.commit([], { park, unpark: unpark.map((id) => streamOf(id)) });
    await write([parkedOf("a"), parkedOf("b", { from: 7, through: 9 })]);
    assertEquals(await parkedIn(opened), [parkedOf("a"), parkedOf("b", { from: 7, through: 9 })]);
    await write([parkedOf("a", { attempts: 6, through: 12, error: "again" })]);
    assertEquals((await parkedIn(opened))[0], parkedOf("a", { attempts: 6, through: 12, error: "again" }));
    await write([], ["a", "never parked"]);
    assertEquals(await parkedIn(opened), [parkedOf("b", { from: 7, through: 9 })]);
    await write([parkedOf("b", { from: 8 })], ["b"]);
    assertEquals(await parkedIn(opened), [parkedOf("b", { from: 8 })]);
  });

  it("lists what is parked a page at a time, each once, in the same order every time", async () => {
    await using opened = await open();
    const { readModels: { progress }, model } = await prepared(opened);
    await using feed = await openFeed(opened, model);
    const ids = [...HARD_TEXTS, ...Array.from({ length: 20 }, (_, at) => `id ${at}`)];
    await feed.commit([], { park: ids.map((id) => parkedOf(id)) });
    const pagesOf = async (limit: number) => {
      const pages: (readonly Parked[])[] = [];
      for (let after: string | null = null, more = true; more;) {
        const { items, next }: ParkedPage = await progress.parked("sample_v1", { after, limit });
        pages.push(items);
        more = next !== null;
        after = next;
      }
      return pages;
    };
    const [whole = [], ...more] = await pagesOf(ids.length);
    assertEquals(more, []);
    assertEquals(whole.map(({ aggregateId }) => aggregateId).toSorted(), ids.toSorted());
    for (const limit of [1, 3, ids.length - 1]) {
      const pages = await pagesOf(limit);
      assertEquals(pages.flat(), whole);
      assertEquals(pages.length, Math.ceil(ids.length / limit));
    }
    assertEquals(await progress.parked("sample_v2", { after: null, limit: 10 }), { items: [], next: null });
    const { next } = await progress.parked("sample_v1", { after: null, limit: 1 });
    for (const after of ["", "x", `${next}x`]) {
      await assertRejects(() => progress.parked("sample_v1", { after, limit: 1 }), InvalidCursor);
    }
    await assertRejects(() => progress.parked("sample_v2", { after: next, limit: 1 }), InvalidCursor);
  });

  it("keeps awkward ids apart", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await using feed = await openFeed(opened, model);
    const park = HARD_TEXTS.map((text, at) => parkedOf(text, { from: at + 1, error: text }));
    await feed.commit([], { park });
    for (const each of park) {
      const write = { ...streamOf(each.aggregateId), version: 100 };
      assertEquals(await readModels.progress.standing("sample_v1", write), { is: "parked", parked: each });
    }
  });
}

function standing(open: OpenProgress): void {
  it("tells a passed write from one still behind, events the reader ignores included", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await using feed = await openFeed(opened, model);
    const stands = async (id: string, version: number) =>
      (await readModels.progress.standing("sample_v1", { ...streamOf(id), version })).is;
    const pages = await feed.read(["a", "b", "a"]);
    assertEquals([await stands("a", 1), await stands("b", 1)], ["behind", "behind"]);
    await feed.commit(pages);
    assertEquals([await stands("a", 1), await stands("a", 2), await stands("b", 1)], ["passed", "passed", "passed"]);
    assertEquals([await stands("a", 3), await stands("b", 2), await stands("unknown", 1)], Array(3).fill("behind"));
    await appendNext(opened.store, streamOf("a"), sampleEvents(1, { eventType: "Ignored" }));
    await feed.commit(await feed.read(["a"]));
    assertEquals([await stands("a", 3), await stands("a", 4), await stands("a", 5)], ["passed", "passed", "behind"]);
    await appendNext(opened.store, streamOf("b"), sampleEvents(1, { eventType: "Ignored" }));
    await feed.pass({ ...streamOf("b"), version: 2 });
    assertEquals([await stands("b", 2), await stands("b", 3)], ["passed", "behind"]);
  });

  it("says parked from the event on where the aggregate stopped", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await using feed = await openFeed(opened, model);
    const parked = parkedOf("a", { from: 2, through: 3 });
    await feed.commit(await feed.read(["a", "a", "a", "b"]), { park: [parked] });
    const stands = (id: string, version: number) =>
      readModels.progress.standing("sample_v1", { ...streamOf(id), version });
    assertEquals(await stands("a", 1), { is: "passed" });
    assertEquals(await stands("a", 2), { is: "parked", parked });
    assertEquals(await stands("a", 3), { is: "parked", parked });
    assertEquals(await stands("a", 4), { is: "parked", parked });
    assertEquals(await stands("b", 1), { is: "passed" });
    await feed.commit([], { unpark: [streamOf("a")] });
    assertEquals(await stands("a", 3), { is: "passed" });
  });
}

function moving(open: OpenProgress): void {
  it("wakes everybody who waits for a subscription, and nobody else", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await readModels.prepare(readModel("sample_v2"));
    await using feed = await openFeed(opened, model);
    const { progress } = readModels;
    const abort = new AbortController();
    const others = progress.whenMoved("sample_v2", { signal: abort.signal });
    for (const id of ["a", "b", "c"]) {
      const waits = [1, 2, 3].map(() => progress.whenMoved("sample_v1", { signal: abort.signal }));
      await feed.commit(await feed.read([id]));
      await Promise.all(waits);
    }
    abort.abort(new Error("nothing moved"));
    await assertRejects(() => others, Error, "nothing moved");
  });

  it("rejects a wait with the reason of its signal, at once where it has aborted before", async () => {
    await using opened = await open();
    const { readModels } = await prepared(opened);
    const abort = new AbortController();
    const wait = readModels.progress.whenMoved("sample_v1", { signal: abort.signal });
    abort.abort(new RangeError("enough"));
    await assertRejects(() => wait, RangeError, "enough");
    await assertRejects(
      () => readModels.progress.whenMoved("sample_v1", { signal: abort.signal }),
      RangeError,
      "enough",
    );
  });

  it("has the standing moved by the time it wakes", async () => {
    await using opened = await open();
    const { readModels: { progress }, model } = await prepared(opened);
    await using feed = await openFeed(opened, model);
    const { signal } = new AbortController();
    const pages = await feed.read(["a"]);
    const woken = async () => {
      for (;;) {
        const moved = progress.whenMoved("sample_v1", { signal });
        if ((await progress.standing("sample_v1", { ...streamOf("a"), version: 1 })).is === "passed") return;
        await moved;
      }
    };
    const wait = woken();
    await feed.commit(pages);
    await wait;
  });
}

async function parkedIn({ readModels }: OpenedReadModels) {
  const { parked } = await readModels.progress.load("sample_v1");
  return parked.toSorted((a, b) => a.aggregateId < b.aggregateId ? -1 : 1);
}

function placesIn(pages: readonly Changes[]): string[] {
  return pages.flatMap(({ events }) => events.map(placeOf)).toSorted();
}
