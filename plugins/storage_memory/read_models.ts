import type { Fields } from "../../core/model/message.ts";
import type { Index } from "../../core/model/projection.ts";
import { decodeCursor, encodeCursor, type ListName, type Place } from "../../core/ports/cursor.ts";
import { parseCheckpoint } from "../../core/ports/progress.ts";
import type { DocumentWrite, Find, ReadModel, ReadModels, StoredDocument } from "../../core/ports/read_models.ts";
import type { EventLog } from "./event_log.ts";
import { createMemoryProgress } from "./progress.ts";

/** Documents in a map per incarnation; a list is made by sorting all that match. */
export function createReadModels(events: EventLog): ReadModels {
  const incarnations = new Map<string, Map<string, StoredDocument>>();
  const { progress, update } = createMemoryProgress(events);
  const documentsOf = ({ incarnation }: ReadModel) => {
    const documents = incarnations.get(incarnation);
    if (documents === undefined) throw new TypeError(`Cannot use ${incarnation}: expected it to be prepared before`);
    return documents;
  };
  const get: ReadModels["get"] = async (model, keys) => {
    const documents = documentsOf(model);
    const found = keys.flatMap((key) => documents.get(key) ?? []);
    return new Map(found.map((each) => [each.key, structuredClone(each)]));
  };
  return {
    soleWriter: true,
    progress,
    async prepare({ incarnation }) {
      if (!/^[a-z][a-z0-9_]{0,99}$/.test(incarnation)) {
        throw new TypeError(`Cannot prepare "${incarnation}": expected a name of [a-z0-9_], at most 100 characters`);
      }
      if (!incarnations.has(incarnation)) incarnations.set(incarnation, new Map());
    },
    get,
    known: get,
    async find(model, find) {
      return findIn(documentsOf(model), model, find);
    },
    async write(model, { documents, progress }) {
      const stored = documentsOf(model);
      if (progress.checkpoint !== null) parseCheckpoint(progress.checkpoint);
      for (const each of documents) put(stored, each);
      update(model.incarnation, progress);
      return "written";
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
  const list: ListName = where === undefined || wanted === undefined ? [null] : [where.index, wanted];
  const last = after === undefined ? undefined : decodeCursor(after, list);
  const entries = [...documents.values()]
    .filter(({ document }) => index === undefined || valueOf(index, document) === wanted)
    .map(({ key, document }): Place => ({ sort: index === undefined ? "" : sortOf(index, document), key }))
    .filter((entry) => last === undefined || compare(entry, last) > 0)
    .toSorted(compare);
  const page = entries.slice(0, limit);
  const items = page.flatMap(({ key }) => documents.get(key) ?? []).map((each) => structuredClone(each));
  const end = page.at(-1);
  const next = end === undefined || entries.length <= limit ? null : encodeCursor(list, end);
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

function compare(a: Place, b: Place): number {
  if (a.sort !== b.sort) return a.sort > b.sort ? -1 : 1;
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1;
}
