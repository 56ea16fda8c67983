import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { NO_PROGRESS, readModel } from "../../tests/contract/read_model_samples.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import { IndexRows, listOf } from "./index_rows.ts";
import { OneStreamDocuments } from "./one_stream_documents.ts";
import type { CqlSession, Statement } from "./session.ts";
import { openTestReadModels } from "./test_read_models.ts";

const MOVES = 150_000;
const STATEMENTS_PER_BATCH = 500;
const BATCHES_IN_FLIGHT = 4;

async function open() {
  const opened = await openTestReadModels();
  const { session, readModels } = opened;
  const model = readModel("lists_v1");
  await readModels.prepare(model);
  const tables = opened.tables(model);
  const list = (value: string, options: { readonly limit?: number; readonly after?: string } = {}) =>
    readModels.find(model, { where: { index: "by_status", value }, limit: 10, ...options });
  const put = (key: string, version: number, status: string) =>
    readModels.write(model, { documents: [{ key, version, document: { status } }], progress: NO_PROGRESS });
  const countRows = async () => {
    const [row] = await session.execute({ cql: `SELECT count(*) AS rows FROM ${tables.index}`, values: [] });
    return Number(row?.rows);
  };
  return { ...opened, model, tables, list, put, countRows };
}

describe("a list", () => {
  it(`can be read after one document has moved in it and out of it ${MOVES} times`, async () => {
    await using opened = await open();
    const { session, tables, list, readModels, model } = opened;
    await moveAbout(session, tables);
    const { items } = await list("open");
    assertEquals(items.map(({ key, version }) => [key, version]), [["a", MOVES]]);
    assertEquals((await list("closed")).items, []);
    assertEquals((await readModels.get(model, ["a"])).get("a")?.version, MOVES);
  });

  it("drops what the documents do not bear out, fills the page with what follows, and is clean then", async () => {
    await using opened = await open();
    const { session, tables, list, put, countRows } = opened;
    const rows = new IndexRows(session, tables.index);
    const lists = [listOf({ by: "status", newestFirstBy: "created_at" })];
    for (let at = 0; at < 30; at++) await put(`k${String(at).padStart(2, "0")}`, 2, at % 2 === 0 ? "open" : "closed");
    for (let at = 1; at < 30; at += 2) {
      await rows.insert(`k${String(at).padStart(2, "0")}`, { version: 1, document: { status: "open" } }, lists);
    }
    await rows.insert("no document yet", { version: 1, document: { status: "open" } }, lists);
    assertEquals(await countRows(), 30 + 15 + 1);
    const { items, next } = await list("open", { limit: 14 });
    assertEquals(
      items.map(({ key }) => key),
      Array.from({ length: 14 }, (_, at) => `k${String(at * 2).padStart(2, "0")}`),
    );
    const rest = await list("open", { limit: 14, after: next ?? "" });
    assertEquals([rest.items.map(({ key }) => key), rest.next], [["k28"], null]);
    assertEquals(await countRows(), 30 + 1);
  });

  it("ends a page short, with a place to go on from, rather than look at everything", async () => {
    await using opened = await open();
    const { session, tables, list, put } = opened;
    const rows = new IndexRows(session, tables.index);
    const lists = [listOf({ by: "status", newestFirstBy: "created_at" })];
    await put("zz", 1, "open");
    const numbers = Array.from({ length: 5_000 }, (_, at) => at);
    await inFlight(numbers, 64, (at) => rows.insert(`a${at}`, { version: 1, document: { status: "open" } }, lists));
    let after: string | undefined;
    let pages = 0;
    const found: string[] = [];
    for (; pages < 10; pages++) {
      const page = await list("open", after === undefined ? {} : { after });
      found.push(...page.items.map(({ key }) => key));
      if (page.next === null) break;
      after = page.next;
    }
    assertEquals(found, ["zz"]);
    assert(pages > 0);
    assertLess(pages, 5);
  });
});

/** What the documents' own code sends for so many versions, in batches and in no order: the versions keep it. */
async function moveAbout(session: CqlSession, tables: { readonly documents: string; readonly index: string }) {
  const statements: Statement[] = [];
  const gathering: CqlSession = { ...session, execute: (each) => Promise.resolve((statements.push(each), [])) };
  const documents = new OneStreamDocuments(gathering, tables.documents, new IndexRows(gathering, tables.index));
  const lists = [listOf({ by: "status", newestFirstBy: "created_at" })];
  const at = (version: number) => ({
    version,
    document: { status: version % 10 === 1 ? "closed" : "open", created_at: new Date(version).toISOString() },
  });
  for (let version = 1; version <= MOVES; version++) {
    await documents.write([{ key: "a", ...at(version), before: at(version - 1) }], lists);
  }
  const batches = Array.from(
    { length: Math.ceil(statements.length / STATEMENTS_PER_BATCH) },
    (_, batch) => statements.slice(batch * STATEMENTS_PER_BATCH, (batch + 1) * STATEMENTS_PER_BATCH),
  );
  await inFlight(batches, BATCHES_IN_FLIGHT, async (batch) => void await session.batch(batch));
}
