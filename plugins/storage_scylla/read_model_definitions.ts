import { createHash } from "node:crypto";
import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { ReadModel } from "../../core/ports/read_models.ts";
import { indexTable, type List, listNamed, listOf } from "./index_rows.ts";
import { manyStreamsTable } from "./many_streams_documents.ts";
import type { CreateTable } from "./migrations.ts";
import { oneStreamTable } from "./one_stream_documents.ts";
import type { CqlSession, ReadOptions } from "./session.ts";

/** What every copy knows of an incarnation. Lists are only ever added: copies of another deploy may ask for them. */
export type Definition = {
  readonly sources: ReadModel["sources"];
  /** Those that are `filling` do not yet have the rows of all documents. */
  readonly lists: Readonly<Record<string, "filling" | "filled">>;
};

export type Tables = { readonly documents: string; readonly index: string };

const MAX_TRIES = 20;
const SELECT = "SELECT definition FROM read_models WHERE incarnation = ?";
const INSERT = "INSERT INTO read_models (incarnation, definition) VALUES (?, ?) IF NOT EXISTS";
const REPLACE = "UPDATE read_models SET definition = ? WHERE incarnation = ? IF definition = ?";

/** The names of an incarnation's tables; throws a `TypeError` for what cannot be one. */
export function tablesOf(incarnation: string): Tables {
  if (!/^[a-z][a-z0-9_]{0,99}$/.test(incarnation)) {
    throw new TypeError(`Cannot name a table "${incarnation}": expected [a-z0-9_], at most 100 characters`);
  }
  const name = incarnation.length <= MAX_NAME ? incarnation : shortened(incarnation);
  return { documents: `documents_${name}`, index: `index_${name}` };
}

/** A table's name has at most 48 characters. */
const MAX_NAME = 48 - "documents_".length;

function shortened(name: string): string {
  return `${name.slice(0, MAX_NAME - 17)}_${createHash("sha256").update(name).digest("hex").slice(0, 16)}`;
}

/** The definition as text, which changes when it does; undefined when the incarnation was never prepared. */
export async function readDefinition(
  session: CqlSession,
  incarnation: string,
  options?: ReadOptions,
): Promise<string | undefined> {
  const [row] = await session.execute({ cql: SELECT, values: [incarnation] }, options);
  return row === undefined ? undefined : String(row.definition);
}

/** All lists that every write has to keep, whichever deploy asked for them. */
export function listsIn(definition: string): readonly List[] {
  const { lists }: Definition = JSON.parse(definition);
  return Object.keys(lists).map(listNamed);
}

export type Defining = {
  readonly session: CqlSession;
  readonly createTable: CreateTable;
  /** Inserts the rows of these lists for all documents. */
  readonly fill: (lists: readonly List[]) => Promise<void>;
};

/** Makes the incarnation's tables and fills its lists, unless that is done; returns the definition as it is then. */
export async function define(model: ReadModel, defining: Defining): Promise<string> {
  const { session } = defining;
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const found = await readDefinition(session, model.incarnation, { consistency: "serial" });
    const step = found === undefined ? await create(model, defining) : await advance(model, found, defining);
    if (step === undefined && found !== undefined) return found;
    if (step === undefined) continue;
    const change = found === undefined
      ? { cql: INSERT, values: [model.incarnation, JSON.stringify(step)] }
      : { cql: REPLACE, values: [JSON.stringify(step), model.incarnation, found] };
    await session.execute(change);
  }
  throw new Unavailable(`Expected to define ${model.incarnation}, found it changed by others ${MAX_TRIES} times`);
}

/** What nobody has prepared has no documents: its lists are as full as they are. */
async function create(model: ReadModel, { createTable }: Defining): Promise<Definition> {
  const tables = tablesOf(model.incarnation);
  const { sources } = model;
  await createTable(tables.documents, (sources === "one" ? oneStreamTable : manyStreamsTable)(tables.documents));
  await createTable(tables.index, indexTable(tables.index));
  return { sources, lists: withState(namesOf(model), "filled") };
}

/** What the definition is to become next; undefined when there is nothing to do. */
async function advance(model: ReadModel, found: string, { fill }: Defining): Promise<Definition | undefined> {
  const { sources, lists }: Definition = JSON.parse(found);
  if (sources !== model.sources) {
    throw new StartError(
      `Cannot use the read model ${model.incarnation}: it was made from ${sources} stream(s) a document, now it is ` +
        `${model.sources}; raise the projection's version`,
    );
  }
  const names = namesOf(model);
  const missing = names.filter((name) => lists[name] === undefined);
  if (missing.length > 0) return { sources, lists: { ...lists, ...withState(missing, "filling") } };
  const filling = names.filter((name) => lists[name] === "filling");
  if (filling.length === 0) return undefined;
  await fill(filling.map(listNamed));
  return { sources, lists: { ...lists, ...withState(filling, "filled") } };
}

function namesOf({ indexes }: ReadModel): readonly string[] {
  return Object.values(indexes).map((index) => listOf(index).name).toSorted();
}

function withState(names: readonly string[], state: "filling" | "filled"): Definition["lists"] {
  return Object.fromEntries(names.map((name) => [name, state]));
}
