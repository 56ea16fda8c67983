import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  type DocumentWrite,
  InvalidCursor,
  type KnownDocument,
  type ReadModel,
  type ReadModels,
} from "../../core/ports/read_models.ts";
import {
  documentOf,
  HARD_TEXTS,
  listAll,
  NO_PROGRESS,
  type OpenReadModels,
  prepared,
  putDocuments,
  readModel,
  type Sources,
} from "./read_model_samples.ts";
import { HARD_JSON } from "./samples.ts";

export type { OpenReadModels } from "./read_model_samples.ts";

type Suite = { readonly open: OpenReadModels; readonly sources: Sources };

/** Documents, indexes and cursors; the progress that goes with them is `progressContract`. */
export function readModelsContract(name: string, open: OpenReadModels): void {
  for (const sources of ["one", "many"] as const) {
    describe(`${name} as a store of documents of ${sources} stream${sources === "one" ? "" : "s"}`, () => {
      const suite = { open, sources };
      documents(suite);
      writing(suite);
      indexes(suite);
      paging(suite);
      incarnations(suite);
    });
  }
}

function documents({ open, sources }: Suite): void {
  it("gives back documents as they were written, overwritten and removed", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const hard = { key: "hard", version: 3, document: HARD_JSON };
    await putDocuments(opened, model, [hard, documentOf("b", { status: "new" })]);
    assertEquals(
      await readModels.get(model, ["hard", "b", "none"]),
      new Map([
        ["hard", hard],
        ["b", documentOf("b", { status: "new" })],
      ]),
    );
    await putDocuments(opened, model, [{ ...documentOf("b", { status: "old" }), version: 2 }]);
    assertEquals((await readModels.get(model, ["b"])).get("b")?.version, 2);
    await putDocuments(opened, model, [{ key: "b", version: 3, document: undefined }]);
    assertEquals((await readModels.get(model, ["b"])).size, 0);
    assertEquals(await keysWhere(readModels, model, "by_status", "old"), []);
    assertEquals(await readModels.get(model, []), new Map());
  });

  it("takes the last of several writes to one key in one change", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, [
      { ...documentOf("a", { status: "one" }), version: 1 },
      { ...documentOf("a", { status: "two" }), version: 2 },
    ]);
    assertEquals((await readModels.get(model, ["a"])).get("a")?.version, 2);
    assertEquals(await keysWhere(readModels, model, "by_status", "one"), []);
    assertEquals(await keysWhere(readModels, model, "by_status", "two"), ["a"]);
  });

  it("keeps awkward keys and values apart", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, HARD_TEXTS.map((text) => documentOf(`key${text}`, { status: text })));
    for (const text of HARD_TEXTS) {
      assertEquals((await readModels.get(model, [`key${text}`])).get(`key${text}`)?.document.status, text);
      assertEquals(await keysWhere(readModels, model, "by_status", text), [`key${text}`]);
    }
    assertEquals(
      new Set((await listAll(readModels, model, { limit: 3 })).map(({ key }) => key)).size,
      HARD_TEXTS.length,
    );
  });

  it("does not share memory with its callers", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const list = [1];
    await putDocuments(opened, model, [{ key: "a", version: 1, document: { list } }]);
    list.push(2);
    assertEquals((await readModels.get(model, ["a"])).get("a")?.document, { list: [1] });
  });
}

function writing({ open, sources }: Suite): void {
  const change = (documents: readonly DocumentWrite[]) => ({ documents, progress: NO_PROGRESS });

  it("tells a writer what to go on from: what is stored, and that a document is there no more", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const known = async (key: string) => (await readModels.known(model, [key], { streamsOf })).get(key);
    const streamsOf = () => new Set(["counter/a"]);
    assertEquals((await known("a"))?.document, undefined);
    await putDocuments(opened, model, [{ ...documentOf("a", { status: "open" }), version: 4 }]);
    assertEquals((await known("a"))?.version, 4);
    assertEquals((await known("a"))?.document, { status: "open" });
    await putDocuments(opened, model, [{ key: "a", version: 5, document: undefined }]);
    assertEquals((await known("a"))?.document, undefined);
    assertEquals((await readModels.get(model, ["a"])).size, 0);
    assertEquals((await readModels.find(model, { limit: 10 })).items, []);
    await putDocuments(opened, model, [{ ...documentOf("a", { status: "again" }), version: 6 }]);
    assertEquals(await keysWhere(readModels, model, "by_status", "again"), ["a"]);
  });

  it("writes over what the writer knows, and in its lists, too", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    let before: KnownDocument | undefined;
    for (const [at, status] of ["open", "closed", "closed", undefined, "open"].entries()) {
      const document = status === undefined ? undefined : { status };
      const shown = new Map([["counter/a", at + 1]]);
      const write = { key: "a", version: at + 1, document, before, shown };
      assertEquals(await readModels.write(model, change([write])), "written");
      for (const value of ["open", "closed"]) {
        assertEquals(await keysWhere(readModels, model, "by_status", value), value === status ? ["a"] : []);
      }
      before = { version: at + 1, document };
    }
  });

  it("lets several writes of one key follow one another", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const steps = [1, 2, 3].map((version) => ({ key: "a", version, document: { status: `s${version}` } }));
    const writes = steps.map((each, at) => ({
      ...each,
      before: steps[at - 1] ?? { version: 0, document: undefined },
      shown: new Map([[`counter/${at}`, 7]]),
    }));
    assertEquals(await readModels.write(model, change(writes)), "written");
    assertEquals((await readModels.get(model, ["a"])).get("a"), { key: "a", version: 3, document: { status: "s3" } });
    assertEquals(await keysWhere(readModels, model, "by_status", "s1"), []);
    assertEquals(await keysWhere(readModels, model, "by_status", "s3"), ["a"]);
  });
}

function indexes({ open, sources }: Suite): void {
  it("finds by an index newest first, ties by key", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const at = (minute: number) => `2026-11-21T10:0${minute}:00.000Z`;
    await putDocuments(opened, model, [
      documentOf("b", { status: "open", created_at: at(1) }),
      documentOf("d", { status: "open", created_at: at(2) }),
      documentOf("a", { status: "open", created_at: at(1) }),
      documentOf("x", { status: "closed", created_at: at(3) }),
      documentOf("c", { status: "open", created_at: at(3) }),
    ]);
    assertEquals(await keysWhere(readModels, model, "by_status", "open"), ["c", "d", "a", "b"]);
    assertEquals(await keysWhere(readModels, model, "by_status", "closed"), ["x"]);
    assertEquals(await keysWhere(readModels, model, "by_status", "none"), []);
    assertEquals(await keysWhere(readModels, model, "by_status", "Open"), []);
  });

  it("moves a document between index values, and leaves out those without the field", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, [
      documentOf("a", { status: "open" }),
      documentOf("b", { status: null }),
      documentOf("c", {}),
    ]);
    await putDocuments(opened, model, [{ ...documentOf("a", { status: "closed" }), version: 2 }]);
    assertEquals(await keysWhere(readModels, model, "by_status", "open"), []);
    assertEquals(await keysWhere(readModels, model, "by_status", "closed"), ["a"]);
    assertEquals(await keysWhere(readModels, model, "by_status", "null"), []);
    assertEquals((await listAll(readModels, model, { limit: 10 })).length, 3);
  });

  it("finds numbers and truth values by how JSON writes them", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, [
      documentOf("number", { status: 12.5 }),
      documentOf("truth", { status: true }),
      documentOf("text", { status: "12" }),
    ]);
    assertEquals(await keysWhere(readModels, model, "by_status", "12.5"), ["number"]);
    assertEquals(await keysWhere(readModels, model, "by_status", "true"), ["truth"]);
    assertEquals(await keysWhere(readModels, model, "by_status", "12"), ["text"]);
  });

  it("ignores case where the index says so, beyond ASCII too, and keeps the document as written", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, [
      documentOf("a", { email: "Ärger@Example.COM" }),
      documentOf("b", { email: "ärger@example.com" }),
      documentOf("c", { email: "arger@example.com" }),
    ]);
    assertEquals(await keysWhere(readModels, model, "by_email", "ÄRGER@EXAMPLE.com"), ["a", "b"]);
    assertEquals((await readModels.get(model, ["a"])).get("a")?.document.email, "Ärger@Example.COM");
  });

  it("refuses an index that the read model does not declare", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await assertRejects(() => readModels.find(model, { where: { index: "nope", value: "a" }, limit: 1 }), TypeError);
  });

  it("fills an index that was added or changed later from the documents that are there", async () => {
    await using opened = await open();
    const bare: ReadModel = { incarnation: "changing_v1", indexes: {}, sources };
    await opened.readModels.prepare(bare);
    await putDocuments(opened, bare, [documentOf("a", { status: "open", name: "X" }), documentOf("b", { name: "x" })]);
    const added: ReadModel = { ...bare, indexes: { one: { by: "status" }, two: { by: "name" } } };
    await opened.readModels.prepare(added);
    assertEquals(await keysWhere(opened.readModels, added, "one", "open"), ["a"]);
    assertEquals(await keysWhere(opened.readModels, added, "two", "x"), ["b"]);
    const changed: ReadModel = { ...bare, indexes: { two: { by: "name", ignoreCase: true } } };
    await opened.readModels.prepare(changed);
    assertEquals(await keysWhere(opened.readModels, changed, "two", "x"), ["a", "b"]);
    assertEquals(
      (await opened.readModels.get(changed, ["a"])).get("a"),
      documentOf("a", { status: "open", name: "X" }),
    );
  });
}

function paging({ open, sources }: Suite): void {
  const at = (second: number) => `2026-11-21T10:00:${String(second).padStart(2, "0")}.000Z`;

  it("pages through an index without a gap or a double while newer documents come in", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const seconds = Array.from({ length: 23 }, (_, index) => index);
    const old = (second: number) =>
      documentOf(`old-${second}`, { status: "open", created_at: at(Math.floor(second / 3)) });
    await putDocuments(opened, model, seconds.map(old));
    const where = { index: "by_status", value: "open" };
    const keys: string[] = [];
    let after: string | undefined;
    while (true) {
      const page = await readModels.find(model, { where, limit: 5, ...after === undefined ? {} : { after } });
      keys.push(...page.items.map(({ key }) => key));
      await putDocuments(opened, model, [documentOf(`new-${keys.length}`, { status: "open", created_at: at(50) })]);
      if (page.next === null) break;
      after = page.next;
    }
    const wanted = seconds.toSorted((a, b) =>
      at(Math.floor(b / 3)).localeCompare(at(Math.floor(a / 3))) ||
      (`old-${a}` < `old-${b}` ? -1 : 1)
    );
    assertEquals(keys, wanted.map((second) => `old-${second}`));
  });

  it("pages through all documents in a stable order and ends with a full last page", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, Array.from({ length: 20 }, (_, index) => documentOf(`key-${index}`, {})));
    const once = await listAll(readModels, model, { limit: 5 });
    const again = await listAll(readModels, model, { limit: 7 });
    assertEquals(once.length, 20);
    assertEquals(once, again);
    const whole = await readModels.find(model, { limit: 20 });
    assertEquals([whole.items.length, whole.next], [20, null]);
  });

  it("refuses a cursor that is not of this list", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const numbers = Array.from({ length: 10 }, (_, index) => index);
    await putDocuments(opened, model, numbers.map((each) => documentOf(`k${each}`, { status: "open", email: "open" })));
    const open10 = { index: "by_status", value: "open" };
    const { next: ofStatus } = await readModels.find(model, { where: open10, limit: 2 });
    const { next: ofAll } = await readModels.find(model, { limit: 2 });
    const others = ["", "x", "🎉", "!!!!", "bnVsbA", "W10", "WzEsMiwzLDRd", btoa("{}"), "A".repeat(10_000)];
    const foreign = [ofAll ?? "", `${ofStatus}x`, `${ofStatus?.slice(1)}`, ...others];
    for (const after of foreign) {
      await assertRejects(() => readModels.find(model, { where: open10, limit: 2, after }), InvalidCursor);
    }
    for (const after of [ofStatus ?? "", ...others]) {
      await assertRejects(() => readModels.find(model, { limit: 2, after }), InvalidCursor);
    }
    const elsewhere = [{ index: "by_status", value: "closed" }, { index: "by_email", value: "open" }];
    for (const where of elsewhere) {
      await assertRejects(() => readModels.find(model, { where, limit: 2, after: ofStatus ?? "" }), InvalidCursor);
    }
  });
}

function incarnations({ open, sources }: Suite): void {
  it("may be prepared again and again, and keeps what it has", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    await putDocuments(opened, model, [documentOf("a", {})]);
    await Promise.all([readModels.prepare(model), readModels.prepare(model)]);
    assertEquals((await readModels.get(model, ["a"])).size, 1);
  });

  it("keeps incarnations of one projection apart", async () => {
    await using opened = await open();
    const { readModels, model } = await prepared(opened, sources);
    const next = readModel("sample_v2", sources);
    await readModels.prepare(next);
    await putDocuments(opened, model, [documentOf("a", { status: "open" })]);
    assertEquals((await readModels.get(next, ["a"])).size, 0);
    assertEquals(await keysWhere(readModels, next, "by_status", "open"), []);
    await putDocuments(opened, next, [documentOf("b", { status: "open" })]);
    assertEquals(await keysWhere(readModels, model, "by_status", "open"), ["a"]);
    assertEquals((await listAll(readModels, next, { limit: 10 })).map(({ key }) => key), ["b"]);
  });

  it("refuses a name that is not an identifier", async () => {
    await using opened = await open();
    for (const incarnation of ["", "a b", 'a"; drop table x; --', "A_v1", "1a", "a".repeat(200)]) {
      await assertRejects(() => opened.readModels.prepare({ ...readModel("x", sources), incarnation }), TypeError);
    }
  });
}

async function keysWhere(readModels: ReadModels, model: ReadModel, index: string, value: string): Promise<string[]> {
  const { items } = await readModels.find(model, { where: { index, value }, limit: 100 });
  return items.map(({ key }) => key);
}
