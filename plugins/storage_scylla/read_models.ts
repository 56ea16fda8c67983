import type { DocumentWrite, Find, ReadModel, ReadModels } from "../../core/ports/read_models.ts";
import { findAll, findIndexed } from "./document_lists.ts";
import { type Documents, DOCUMENTS_IN_FLIGHT, type Stored, whereThere } from "./documents.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import { IndexRows, type List, listOf } from "./index_rows.ts";
import { ManyStreamsDocuments } from "./many_streams_documents.ts";
import type { CreateTable } from "./migrations.ts";
import { OneStreamDocuments } from "./one_stream_documents.ts";
import type { ScyllaProgress } from "./progress.ts";
import { define, listsIn, readDefinition, type Tables, tablesOf } from "./read_model_definitions.ts";
import type { CqlSession } from "./session.ts";
import { toUnavailable } from "./unavailable.ts";

export type ReadModelParts = {
  readonly session: CqlSession;
  readonly progress: ScyllaProgress;
  readonly createTable: CreateTable;
};

/** An incarnation as this process uses it. */
type Prepared = {
  readonly tables: Tables;
  readonly documents: Documents;
  readonly rows: IndexRows;
  /** The definition as this process last saw it. */
  definition: string;
  lists: readonly List[];
};

const PAGE_OF_FILLING = 500;

/** Documents, each incarnation in tables of its own; the progress is moved once they are durable. */
export function createReadModels({ session, progress, createTable }: ReadModelParts): ReadModels {
  const incarnations = new Map<string, Prepared>();
  const preparedOf = ({ incarnation }: ReadModel): Prepared => {
    const prepared = incarnations.get(incarnation);
    if (prepared === undefined) throw new TypeError(`Cannot use ${incarnation}: expected it to be prepared before`);
    return prepared;
  };
  return {
    soleWriter: false,
    progress: progress.port,
    async prepare(model) {
      const opened = openTables(session, model);
      await answering(async () => {
        const fill = (lists: readonly List[]) => fillLists(opened, lists);
        const definition = await define(model, { session, createTable, fill });
        incarnations.set(model.incarnation, { ...opened, definition, lists: listsIn(definition) });
      });
    },
    async get(model, keys) {
      const { documents } = preparedOf(model);
      const known = await answering(() => documents.reader.some(keys));
      const found = [...known].flatMap(([key, stored]) => whereThere({ key, ...stored }) ?? []);
      return new Map(found.map((each) => [each.key, each]));
    },
    async known(model, keys, { streamsOf } = { streamsOf: () => new Set() }) {
      const prepared = preparedOf(model);
      return await answering(async () => {
        const known = await prepared.documents.known(keys, streamsOf);
        await learnLists({ session, model, prepared });
        await addRows(prepared, known);
        return known;
      });
    },
    async find(model, find) {
      const prepared = preparedOf(model);
      return await answering(() => findIn({ session, model, prepared }, find));
    },
    async write(model, { documents, progress: update }) {
      const prepared = preparedOf(model);
      progress.check(update);
      const outcome = await answering(() => writeAll({ session, model, prepared }, documents));
      if (outcome === "written") await progress.move(model.incarnation, update);
      return outcome;
    },
  };
}

type Used = { readonly session: CqlSession; readonly model: ReadModel; readonly prepared: Prepared };

function openTables(session: CqlSession, { incarnation, sources }: ReadModel) {
  const tables = tablesOf(incarnation);
  const rows = new IndexRows(session, tables.index);
  const OfSources = sources === "one" ? OneStreamDocuments : ManyStreamsDocuments;
  return { tables, rows, documents: new OfSources(session, tables.documents, rows) };
}

async function findIn({ session, model, prepared }: Used, find: Find) {
  const { where } = find;
  if (where === undefined) return await findAll(prepared.documents, find);
  const index = model.indexes[where.index];
  if (index === undefined) {
    throw new TypeError(`Cannot find by "${where.index}": ${model.incarnation} declares no such index`);
  }
  const { tables, rows, documents } = prepared;
  return await findIndexed({ session, table: tables.index, rows, documents, list: listOf(index) }, { ...find, where });
}

/**
 * A list that another copy has added since this one looked is filled by it from what it finds. What was written here
 * meanwhile gets its rows after that, so one of the two has seen every document.
 */
async function writeAll(used: Used, writes: readonly DocumentWrite[]) {
  if (writes.length === 0) return "written";
  const { documents, rows, lists } = used.prepared;
  const outcome = await documents.write(writes, lists);
  await learnLists(used);
  const added = used.prepared.lists.slice(lists.length);
  if (added.length > 0) {
    await inFlight(writes, DOCUMENTS_IN_FLIGHT, (each) => rows.insert(each.key, each, added));
  }
  return outcome;
}

async function learnLists({ session, model, prepared }: Used): Promise<void> {
  const definition = await readDefinition(session, model.incarnation);
  if (definition === undefined || definition === prepared.definition) return;
  Object.assign(prepared, { definition, lists: listsIn(definition) });
}

/** Rows of lists that whoever wrote a document did not know of, and perhaps had no time to add. */
async function addRows({ rows, lists }: Prepared, stored: ReadonlyMap<string, Stored>): Promise<void> {
  const lacking = [...stored].filter(([, { version, lists: had }]) => version > 0 && had < lists.length);
  await inFlight(lacking, DOCUMENTS_IN_FLIGHT, ([key, each]) => rows.insert(key, each, lists.slice(each.lists)));
}

async function fillLists(
  { documents, rows }: Pick<Prepared, "documents" | "rows">,
  lists: readonly List[],
): Promise<void> {
  for (let after: string | null = null;;) {
    const page = await documents.reader.page(after, PAGE_OF_FILLING);
    await inFlight(page, DOCUMENTS_IN_FLIGHT, (each) => rows.insert(each.key, each, lists));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_OF_FILLING) return;
    after = last.key;
  }
}

/** Where the server gives no answer the storage has none. */
async function answering<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw toUnavailable(error);
  }
}
