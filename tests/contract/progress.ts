import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { ReadModel } from "../../core/ports/read_models.ts";
import {
  checkpointNow,
  documentOf,
  HARD_TEXTS,
  NO_PROGRESS,
  type OpenedReadModels,
  type OpenReadModels,
  parkedOf,
  prepared,
  readModel,
} from "./read_model_samples.ts";
import { appendNext, sampleEvents, streamOf } from "./samples.ts";

/** The progress of read models: what a checkpoint, a parked aggregate and a waiting reader can rely on. */
export function progressContract(name: string, open: OpenReadModels): void {
  describe(`${name} as a keeper of progress`, () => {
    checkpoints(open);
    parking(open);
    standing(open);
    moving(open);
  });
}

function checkpoints(open: OpenReadModels): void {
  it("knows no progress of a subscription that has made none", async () => {
    await using opened = await open();
    const { readModels } = await prepared(opened);
    assertEquals(await readModels.progress.load("sample_v1"), { checkpoint: null, parked: [] });
    assertEquals(await readModels.progress.load("never_prepared_v1"), { checkpoint: null, parked: [] });
  });

  it("stores a checkpoint with the documents it belongs to, and leaves it where none is given", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    const checkpoint = await appended(opened, ["a"]);
    await readModels.write(model, {
      documents: [documentOf("a", {})],
      progress: { ...NO_PROGRESS, checkpoint },
    });
    assertEquals((await readModels.progress.load("sample_v1")).checkpoint, checkpoint);
    await readModels.write(model, { documents: [documentOf("b", {})], progress: NO_PROGRESS });
    assertEquals((await readModels.progress.load("sample_v1")).checkpoint, checkpoint);
    assertEquals((await readModels.get(model, ["a", "b"])).size, 2);
  });

  it("refuses a whole write with a checkpoint that no change source made", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await appended(opened, ["a"]);
    for (const checkpoint of ["", "x", "-1", "1.5", "99999999999999999999", " 1"]) {
      const change = { documents: [documentOf("a", {})], progress: { ...NO_PROGRESS, checkpoint } };
      await assertRejects(() => readModels.write(model, change), TypeError);
    }
    assertEquals((await readModels.get(model, ["a"])).size, 0);
    assertEquals((await readModels.progress.load("sample_v1")).checkpoint, null);
  });

  it("keeps incarnations apart", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    const next = readModel("sample_v2");
    await readModels.prepare(next);
    const checkpoint = await appended(opened, ["a"]);
    await readModels.write(model, { documents: [], progress: { checkpoint, park: [parkedOf("a")], unpark: [] } });
    assertEquals(await readModels.progress.load("sample_v2"), { checkpoint: null, parked: [] });
    assertEquals(await readModels.progress.standing("sample_v2", { ...streamOf("a"), version: 1 }), { is: "behind" });
  });
}

function parking(open: OpenReadModels): void {
  it("parks aggregates, changes what it knows of them, and forgets them again", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    const write = (park: ReturnType<typeof parkedOf>[], unpark: string[] = []) =>
      readModels.write(model, {
        documents: [],
        progress: { checkpoint: null, park, unpark: unpark.map((id) => streamOf(id)) },
      });
    await write([parkedOf("a"), parkedOf("b", { from: 7, through: 9 })]);
    assertEquals(await parkedIn(opened), [parkedOf("a"), parkedOf("b", { from: 7, through: 9 })]);
    await write([parkedOf("a", { attempts: 6, through: 12, error: "again" })]);
    assertEquals((await parkedIn(opened))[0], parkedOf("a", { attempts: 6, through: 12, error: "again" }));
    await write([], ["a", "never parked"]);
    assertEquals(await parkedIn(opened), [parkedOf("b", { from: 7, through: 9 })]);
    await write([parkedOf("b", { from: 8 })], ["b"]);
    assertEquals(await parkedIn(opened), [parkedOf("b", { from: 8 })]);
  });

  it("keeps awkward ids apart", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    const park = HARD_TEXTS.map((text, at) => parkedOf(text, { from: at + 1, error: text }));
    await readModels.write(model, { documents: [], progress: { ...NO_PROGRESS, park } });
    for (const each of park) {
      const write = { ...streamOf(each.aggregateId), version: 100 };
      assertEquals(await readModels.progress.standing("sample_v1", write), { is: "parked", parked: each });
    }
  });
}

function standing(open: OpenReadModels): void {
  it("tells a passed write from one still behind, events the reader ignores included", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    const { progress } = readModels;
    const checkpoint = await appended(opened, ["a", "b", "a"]);
    await appendNext(opened.store, streamOf("a"), sampleEvents(1, { eventType: "Ignored" }));
    const stands = async (id: string, version: number) =>
      (await progress.standing("sample_v1", { ...streamOf(id), version })).is;
    assertEquals([await stands("a", 1), await stands("b", 1)], ["behind", "behind"]);
    await readModels.write(model, { documents: [], progress: { ...NO_PROGRESS, checkpoint } });
    assertEquals([await stands("a", 1), await stands("a", 2), await stands("b", 1)], ["passed", "passed", "passed"]);
    assertEquals([await stands("a", 3), await stands("a", 4)], ["behind", "behind"]);
    assertEquals([await stands("b", 2), await stands("unknown", 1)], ["behind", "behind"]);
    await readModels.write(model, {
      documents: [],
      progress: { ...NO_PROGRESS, checkpoint: await appended(opened, ["a"]) },
    });
    assertEquals([await stands("a", 3), await stands("a", 4)], ["passed", "passed"]);
  });

  it("says parked from the event on where the aggregate stopped", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    const checkpoint = await appended(opened, ["a", "a", "a", "b"]);
    const parked = parkedOf("a", { from: 2, through: 3 });
    await readModels.write(model, { documents: [], progress: { checkpoint, park: [parked], unpark: [] } });
    const stands = (id: string, version: number) =>
      readModels.progress.standing("sample_v1", { ...streamOf(id), version });
    assertEquals(await stands("a", 1), { is: "passed" });
    assertEquals(await stands("a", 2), { is: "parked", parked });
    assertEquals(await stands("a", 3), { is: "parked", parked });
    assertEquals(await stands("a", 4), { is: "parked", parked });
    assertEquals(await stands("b", 1), { is: "passed" });
    await readModels.write(model, { documents: [], progress: { ...NO_PROGRESS, unpark: [streamOf("a")] } });
    assertEquals(await stands("a", 3), { is: "passed" });
  });
}

function moving(open: OpenReadModels): void {
  it("wakes everybody who waits for a subscription, and nobody else", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened);
    await readModels.prepare(readModel("sample_v2"));
    const { progress } = readModels;
    const abort = new AbortController();
    const others = progress.whenMoved("sample_v2", { signal: abort.signal });
    for (const id of ["a", "b", "c"]) {
      const waits = [1, 2, 3].map(() => progress.whenMoved("sample_v1", { signal: abort.signal }));
      await move(opened, model, id);
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
    const { readModels, model } = await prepared(opened);
    const { signal } = new AbortController();
    const woken = readModels.progress.whenMoved("sample_v1", { signal }).then(async () =>
      (await readModels.progress.standing("sample_v1", { ...streamOf("a"), version: 1 })).is
    );
    await move(opened, model, "a");
    assertEquals(await woken, "passed");
  });
}

async function parkedIn({ readModels }: OpenedReadModels) {
  const { parked } = await readModels.progress.load("sample_v1");
  return parked.toSorted((a, b) => a.aggregateId < b.aggregateId ? -1 : 1);
}

/** Appends one event to each of these streams and answers with the checkpoint that has passed all there is. */
async function appended({ store, log }: OpenedReadModels, ids: readonly string[]): Promise<string> {
  for (const id of ids) await appendNext(store, streamOf(id), sampleEvents(1));
  return await checkpointNow(log);
}

async function move(opened: OpenedReadModels, model: ReadModel, id: string): Promise<void> {
  const checkpoint = await appended(opened, [id]);
  await opened.readModels.write(model, { documents: [], progress: { ...NO_PROGRESS, checkpoint } });
}
