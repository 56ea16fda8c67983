import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { exportLines, type ExportParts, reachedIn } from "../../core/engine/export.ts";
import { ExportRefused, linesOf } from "../../core/engine/export_lines.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { appendNext, sampleEvents, streamOf } from "../contract/samples.ts";
import { chunksOf, exported, imported } from "../contract/transfer.ts";

const MADE_AT = "2026-11-21T10:00:00.000Z";

describe("the file of an export", () => {
  it("has a header, each aggregate's events and closing line, and its end", async () => {
    const file = await exported(await filled({ a: 2 }));
    const [header, first, second, closing, end, rest] = file.split("\n");
    assertEquals(header, `{"format":"annals_export","version":1,"made_by":"annals","made_at":"${MADE_AT}"}`);
    const { event_id: _id, ...wire } = JSON.parse(first ?? "");
    assertEquals(wire, {
      aggregate_type: "counter",
      aggregate_id: "a",
      sequence_number: 1,
      event_type: "Counted",
      event_version: 1,
      event_data: { amount: 1 },
      causation_id: null,
      correlation_id: null,
      user_id: null,
      timestamp: MADE_AT,
      metadata: null,
      command_id: null,
      command_hash: null,
    });
    const sha256 = digest(`${first}\n${second}\n`);
    const aggregate = { end: "aggregate", aggregate_type: "counter", aggregate_id: "a", events: 2, last_version: 2 };
    assertEquals(JSON.parse(closing ?? ""), { ...aggregate, sha256, place: "1" });
    assertEquals(JSON.parse(end ?? ""), { end: "export", aggregates: 1, events: 2, sha256: digest(`${sha256}\n`) });
    assertEquals(rest, "");
  });

  it("of an empty store is imported, too", async () => {
    const { store } = createMemoryStorage();
    assertEquals(await imported(store, await exported(createMemoryStorage())), {
      aggregates: 0,
      events: 0,
      imported: 0,
    });
  });
});

describe("an import", () => {
  it("refuses a file cut off at any byte, and imports nothing of it", async () => {
    const file = await exported(await filled({ a: 2, b: 1 }));
    const storage = createMemoryStorage();
    for (let length = 0; length < file.length; length += 1) {
      await assertRejects(() => imported(storage.store, file.slice(0, length)), ExportRefused);
    }
    assertEquals(storage.streamList.streams.length > 0 && await storage.store.version(streamOf("a")), 0);
  });

  it("refuses a file in which any character was changed, and imports nothing of it", async () => {
    const file = await exported(await filled({ a: 2, b: 1 }));
    const storage = createMemoryStorage();
    const headerEnds = file.indexOf("\n");
    for (let at = headerEnds; at < file.length; at += 1) {
      const changed = `${file.slice(0, at)}${file[at] === "1" ? "2" : "1"}${file.slice(at + 1)}`;
      if (/"place":"?1*"?}\n/.test(changed) && file.slice(at - 12, at).includes('"place":')) continue;
      await assertRejects(() => imported(storage.store, changed), ExportRefused);
    }
    assertEquals(await storage.store.version(streamOf("a")), 0);
  });

  for (const [what, { damage, says }] of Object.entries(damages())) {
    it(`refuses ${what}, by its line`, async () => {
      const lines = (await exported(await filled({ a: 2, b: 2 }))).split("\n");
      const { store } = createMemoryStorage();
      const { message } = await assertRejects(() => imported(store, damage(lines).join("\n")), ExportRefused);
      assertStringIncludes(message, says);
      assertEquals(await store.version(streamOf("a")), 0);
    });
  }

  it("imports nothing where only the last aggregate differs", async () => {
    const file = await exported(await filled({ a: 2, z: 1 }));
    const { store } = await filled({ z: 1 });
    await assertRejects(() => imported(store, file), ExportRefused, "counter/z differs at version 1");
    assertEquals(await store.version(streamOf("a")), 0);
  });

  it("settles an append whose outcome was lost by looking", async () => {
    const file = await exported(await filled({ a: 250, b: 1 }));
    const { store } = createMemoryStorage();
    let appends = 0;
    const forgetful = {
      ...store,
      async append(...given: Parameters<typeof store.append>) {
        appends += 1;
        if (appends % 3 === 1) return "unknown" as const;
        const outcome = await store.append(...given);
        return appends % 3 === 2 ? "unknown" as const : outcome;
      },
    };
    assertEquals((await imported(forgetful, file)).events, 251);
    assertEquals([await store.version(streamOf("a")), await store.version(streamOf("b"))], [250, 1]);
  });

  it("reads back what it wrote, and tells when the store has lost some of it", async () => {
    const file = await exported(await filled({ a: 3 }));
    const { store } = createMemoryStorage();
    const lossy = { ...store, append: () => Promise.resolve("applied" as const) };
    await assertRejects(() => imported(lossy, file), ExportRefused, "found 3 of them missing");
  });
});

describe("an export that was broken off", () => {
  it("goes on to the same file, wherever it was cut", async () => {
    const storage = await filled(Object.fromEntries(Array.from({ length: 230 }, (_, at) => [`c-${at}`, 1])));
    const whole = await exported(storage);
    const bytes = new TextEncoder().encode(whole).length;
    let resumed = 0;
    for (let length = 0; length <= bytes; length += 997) {
      const { text, reached } = await goOn(storage, whole.slice(0, length));
      assertEquals(text, whole);
      if (reached !== undefined) resumed += 1;
    }
    assert(resumed > 50, `expected most of them to go on, found ${resumed}`);
  });

  it("goes on before the first line that is damaged", async () => {
    const storage = await filled(Object.fromEntries(Array.from({ length: 230 }, (_, at) => [`c-${at}`, 1])));
    const whole = await exported(storage);
    const damaged = whole.replace('"aggregate_id":"c-150"', '"aggregate_id":"c-151"');
    const { text, reached } = await goOn(storage, damaged);
    assertEquals([text === whole, reached?.place], [true, "100"]);
  });

  it("is not gone on with from another store", async () => {
    const whole = await exported(await filled({ a: 1 }));
    const other = await filled({ a: 1 });
    await assertRejects(() => goOn(other, whole), ExportRefused, "it was begun from another store");
  });
});

async function goOn(parts: ExportParts, begun: string) {
  const reached = await reachedIn(linesOf(chunksOf(begun)), parts);
  const rest = await Array.fromAsync(exportLines(parts, { madeAt: MADE_AT, reached }));
  return { text: begun.slice(0, reached?.bytes ?? 0) + rest.join(""), reached };
}

async function filled(counts: Readonly<Record<string, number>>) {
  const storage = createMemoryStorage();
  for (const [id, count] of Object.entries(counts)) {
    await appendNext(storage.store, streamOf(id), sampleEvents(count, { timestamp: MADE_AT }));
  }
  return storage;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Lines of two aggregates of two events: header, 2 events, end, 2 events, end, end of all, and nothing. */
function damages() {
  type Damage = (lines: readonly string[]) => readonly string[];
  const without = (...gone: number[]): Damage => (lines) => lines.filter((_, at) => !gone.includes(at));
  const changed = (at: number, from: string | RegExp, to: string): Damage => (lines) =>
    lines.map((line, each) => each === at ? line.replace(from, to) : line);
  return {
    "an empty file": { damage: () => [], says: "line 1 is missing: the file is empty" },
    "a foreign file": { damage: () => ["id,name", "1,a", ""], says: "line 1 is no JSON" },
    "a foreign file of JSON": {
      damage: () => ['{"id":1}', ""],
      says: "line 1 is not the header of an export of Annals",
    },
    "an export of a newer format": { damage: changed(0, '"version":1', '"version":2'), says: "line 1 is of the newer" },

    "an event that is missing": { damage: without(1), says: "line 2 is event counter/a 2: expected counter/a 1" },
    "an event that is there twice": {
      damage: (lines: readonly string[]) => lines.flatMap((line, at) => at === 2 ? [line, line] : [line]),
      says: "line 4 is event counter/a 2: expected counter/a 3",
    },
    "two aggregates in one group whose types and ids come to one text": {
      damage: (lines: readonly string[]) => {
        const event = (line = "", type: string, id: string) =>
          line.replace('"counter"', `"${type}"`).replace('"a"', `"${id}"`);
        return [lines[0] ?? "", event(lines[1], "counter/a", "b"), event(lines[2], "counter", "a/b"), ""];
      },
      says: "line 3 is of the type counter: expected counter/a",
    },
    "a closing line that is missing": { damage: without(3), says: "line 4 is event counter/b 1: expected counter/a 3" },
    "a whole aggregate that is missing": { damage: without(4, 5, 6), says: "line 5 does not agree" },
    "an end that is missing": { damage: without(7), says: "line 8 is missing, as of a file that was cut off" },
    "aggregates that changed places": {
      damage: (lines: readonly string[]) => [0, 4, 5, 6, 1, 2, 3, 7, 8].map((at) => lines[at] ?? ""),
      says: "line 8 does not agree with the lines before it",
    },
    "another amount": { damage: changed(1, '"amount":1', '"amount":9'), says: "line 4 does not agree with the lines" },
    "a time that is none": {
      damage: changed(1, "2026-11-21", "2026-02-31"),
      says: "line 2 is not as expected: timestamp",
    },
    "a field too many": { damage: changed(2, "{", '{"more":1,'), says: "line 3 is not as expected" },
    "data that is no object": { damage: changed(2, '{"amount":1}', "[1]"), says: "event_data expected an object" },
    "lines behind the end": {
      damage: (lines: readonly string[]) => [...lines.slice(0, 8), "{}", ""],
      says: "line 9 stands behind the end",
    },
  };
}
