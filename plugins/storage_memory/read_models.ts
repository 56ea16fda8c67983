import type { Fields } from "../../core/model/message.ts";
import type { Index } from "../../core/model/projection.ts";
import {
  type DocumentWrite,
  type Find,
  InvalidCursor,
  type ReadModel,
  type ReadModels,
  type StoredDocument,
} from "../../core/ports/read_models.ts";
import { type EventLog, parseCheckpoint } from "./event_log.ts";
import { createMemoryProgress } from "./progress.ts";

type Entry = readonly [sort: string, key: string];

/** Documents in a map per incarnation; a list is made by sorting all that match. */
export function createReadModels(events: EventLog): ReadModels {
  const incarnations = new Map<string, Map<string, StoredDocument>>();
  const { progress, update } = createMemoryProgress(events);
  const documentsOf = ({ incarnation }: ReadModel) => {
    const documents = incarnations.get(incarnation);
    if (documents === undefined) throw new TypeError(`Cannot use ${incarnation}: expected it to be prepared before`);
    return documents;
  };
  return {
    progress,
    async prepare({ incarnation }) {
      if (!/^[a-z][a-z0-9_]{0,99}$/.test(incarnation)) {
        throw new TypeError(`Cannot prepare "${incarnation}": expected a name of [a-z0-9_], at most 100 characters`);
      }
      if (!incarnations.has(incarnation)) incarnations.set(incarnation, new Map());
    },
    async get(model, keys) {
      const documents = documentsOf(model);
      const found = keys.flatMap((key) => documents.get(key) ?? []);
      return new Map(found.map((each) => [each.key, structuredClone(each)]));
    },
    async find(model, find) {
      return findIn(documentsOf(model), model, find);
    },
    async write(model, { documents, progress }) {
      const stored = documentsOf(model);
      if (progress.checkpoint !== null) parseCheckpoint(progress.checkpoint);
      for (const each of documents) put(stored, each);
      update(model.incarnation, progress);
    },
  };
}

function put(stored: Map<string, StoredDocument>, { key, version, document }: DocumentWrite): void {
  if (document === undefined) stored.delete(key);
  else stored.set(key, JSON.parse(JSON.stringify({ key, version, document })));
}

function findIn(documents: ReadonlyMap<string, StoredDocument>, model: ReadModel, { where, after, limit }: Find) {
  const index = where === undefined ? undefined : model.indexes[where.index];
  if (where !== undefined && index === undefined) {
    throw new TypeError(`Cannot find by "${where.index}": ${model.incarnation} declares no such index`);
  }
  const wanted = where && (index?.ignoreCase ? where.value.toLowerCase() : where.value);
  const list = wanted === undefined ? [null] : [where?.index, wanted];
  const last = after === undefined ? undefined : decodeCursor(after, list);
  const entries = [...documents.values()]
    .filter(({ document }) => index === undefined || valueOf(index, document) === wanted)
    .map(({ key, document }): Entry => [index === undefined ? "" : sortOf(index, document), key])
    .filter((entry) => last === undefined || compare(entry, last) > 0)
    .toSorted(compare);
  const page = entries.slice(0, limit);
  const items = page.flatMap(([, key]) => documents.get(key) ?? []).map((each) => structuredClone(each));
  const end = page.at(-1);
  const next = end === undefined || entries.length <= limit ? null : encodeCursor([...list, ...end]);
  return { items, next };
}

function valueOf({ by, ignoreCase }: Index, document: Fields): string | undefined {
  const value = document[by];
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return undefined;
  return ignoreCase ? String(value).toLowerCase() : String(value);
}

function sortOf({ newestFirstBy }: Index, document: Fields): string {
  const value = newestFirstBy === undefined ? undefined : document[newestFirstBy];
  return typeof value === "string" ? value : "";
}

function compare([sortA, keyA]: Entry, [sortB, keyB]: Entry): number {
  if (sortA !== sortB) return sortA > sortB ? -1 : 1;
  return keyA === keyB ? 0 : keyA < keyB ? -1 : 1;
}

function encodeCursor(cells: readonly unknown[]): string {
  return new TextEncoder().encode(JSON.stringify(cells)).toBase64({ alphabet: "base64url", omitPadding: true });
}

function decodeCursor(cursor: string, list: readonly unknown[]): Entry {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    const cells = JSON.parse(new TextDecoder().decode(bytes));
    const [sort, key] = Array.isArray(cells) ? cells.slice(-2) : [];
    if (typeof sort === "string" && typeof key === "string" && encodeCursor([...list, sort, key]) === cursor) {
      return [sort, key];
    }
  } catch {
    // Not base64url or not JSON: refused below like any other foreign text.
  }
  throw new InvalidCursor("Cannot go on after this cursor: expected the `next` of the same list; start without one");
}
