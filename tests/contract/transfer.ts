import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { exportLines, type ExportParts } from "../../core/engine/export.ts";
import { ExportRefused, linesOf } from "../../core/engine/export_lines.ts";
import { partsOf } from "../../core/engine/export_parts.ts";
import { importAll, type Imported } from "../../core/engine/import.ts";
import { type EventStore, type Stream, Unavailable } from "../../core/ports/event_store.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { appendNext, HARD_JSON, HARD_TEXTS, type Open, sampleEvent, sampleEvents, streamOf } from "./samples.ts";

type OpenTransfer = Open<{ readonly store: EventStore; readonly streamList: StreamList }>;

const MADE_AT = "2026-11-21T10:00:00.000Z";

/** What a store must do for its events to leave it and come into it as they are. */
export function transferContract(name: string, open: OpenTransfer): void {
  describe(`${name} as the end of a transfer`, () => {
    it("takes what another store has, and gives it back to the last character", async () => {
      const original = createMemoryStorage();
      const streams = await fill(original.store);
      const file = await exported(original);
      await using opened = await open();
      const events = 4 * HARD_TEXTS.length + 250;
      assertEquals(await imported(opened.store, file), { aggregates: 9, events, imported: events });
      const back = createMemoryStorage();
      await imported(back.store, await exported(opened));
      for (const stream of streams) {
        const first = await original.store.read(stream, { after: 0, limit: 1_000 });
        assertEquals(await opened.store.read(stream, { after: 0, limit: 1_000 }), first);
        assertEquals(await back.store.read(stream, { after: 0, limit: 1_000 }), first);
        assertEquals(await opened.store.version(stream), first.length);
      }
      assertEquals(await exported({ ...back, streamList: original.streamList }), file);
    });

    it("goes on with an import that was broken off, wherever that was", async () => {
      const original = createMemoryStorage();
      const streams = await fill(original.store);
      const file = await exported(original);
      await using opened = await open();
      let sum = 0;
      for (const after of [1, 3, 2, 0, 4]) {
        await assertRejects(() => imported(breaking(opened.store, after), file), Unavailable);
        const versions = await Promise.all(streams.map((stream) => opened.store.version(stream)));
        const stored = versions.reduce((total, version) => total + version, 0);
        assert(after === 0 || stored > sum, `expected more than ${sum} events, found ${stored}`);
        sum = stored;
      }
      const { events, imported: rest } = await imported(opened.store, file);
      assertEquals(sum + rest, events);
      assertEquals((await imported(opened.store, file)).imported, 0);
    });

    it("keeps what it has where an aggregate differs, and imports nothing", async () => {
      const original = createMemoryStorage();
      await fill(original.store);
      const file = await exported(original);
      await using opened = await open();
      await appendNext(opened.store, streamOf("long"), sampleEvents(1));
      const refused = await assertRejects(() => imported(opened.store, file), ExportRefused);
      assert(refused.message.startsWith("counter/long differs at version 1: expected event "), refused.message);
      assertEquals(await opened.store.version(streamOf("long")), 1);
      assertEquals(await opened.store.version(streamOf("")), 0);
    });

    it("leaves alone an aggregate that has gone on since", async () => {
      const original = createMemoryStorage();
      await fill(original.store);
      const file = await exported(original);
      await using opened = await open();
      await imported(opened.store, file);
      await appendNext(opened.store, streamOf("long"), sampleEvents(1));
      assertEquals((await imported(opened.store, file)).imported, 0);
      assertEquals(await opened.store.version(streamOf("long")), 251);
    });
  });
}

/** Hard names and contents, and a stream of more events than one append takes. */
async function fill(store: EventStore): Promise<readonly Stream[]> {
  for (const text of HARD_TEXTS) {
    const command = { commandId: `id ${text}`, commandHash: `hash ${text}` };
    const known = sampleEvent({ ...command, data: HARD_JSON, metadata: HARD_JSON });
    const odd = sampleEvent({ causationId: text, correlationId: text, userId: text, eventType: `Type ${text}` });
    await appendNext(store, streamOf(text), [known, odd, ...sampleEvents(2, { eventVersion: 7 })]);
  }
  for (const count of [100, 100, 50]) await appendNext(store, streamOf("long"), sampleEvents(count));
  return [...HARD_TEXTS, "long"].map((id) => streamOf(id));
}

/** Applies some more appends, and no more. */
function breaking(store: EventStore, appends: number): EventStore {
  let left = appends;
  return {
    ...store,
    async append(stream, options) {
      if (left === 0) throw new Unavailable("the database is away");
      left -= 1;
      return await store.append(stream, options);
    },
  };
}

export async function exported(parts: ExportParts): Promise<string> {
  return (await Array.fromAsync(exportLines(parts, { madeAt: MADE_AT }))).join("");
}

export function imported(store: EventStore, file: string): Promise<Imported> {
  return importAll({ store, parts: () => partsOf(linesOf(chunksOf(file))) });
}

/** So small that lines, and characters, are cut. */
export async function* chunksOf(text: string, bytes = 1_000): AsyncGenerator<Uint8Array, void> {
  const all = new TextEncoder().encode(text);
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes);
}
