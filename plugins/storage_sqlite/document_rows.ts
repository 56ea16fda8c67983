import type { Fields } from "../../core/model/message.ts";
import type { Index } from "../../core/model/projection.ts";
import type { DocumentWrite, ReadModel } from "../../core/ports/read_models.ts";
import { toText } from "../../core/engine/stored_text.ts";

export type Cell = string | number | null;

/** Indexes in a fixed order: the nth has the columns `value_n` and `sort_n`. */
export type IndexList = readonly (readonly [name: string, index: Index])[];

/** Key, version, document as JSON, then each index's value and sort. Without a document: the key alone, to remove. */
export type DocumentRow = readonly [key: string, ...rest: Cell[]];

export function indexesOf({ indexes }: ReadModel): IndexList {
  return Object.entries(indexes).toSorted(([a], [b]) => a < b ? -1 : 1);
}

/** The name of an incarnation's table; throws a `TypeError` for what cannot be one. */
export function tableOf(incarnation: string): string {
  if (/^[a-z][a-z0-9_]{0,99}$/.test(incarnation)) return `documents_${incarnation}`;
  throw new TypeError(`Cannot name a table "${incarnation}": expected [a-z0-9_], at most 100 characters`);
}

export function toDocumentRow({ key, version, document }: DocumentWrite, indexes: IndexList): DocumentRow {
  if (document === undefined) return [toText(key)];
  return [toText(key), version, JSON.stringify(document), ...indexCells(document, indexes)];
}

export function indexCells(document: Fields, indexes: IndexList): Cell[] {
  return indexes.flatMap(([, index]) => {
    const value = document[index.by];
    const sort = index.newestFirstBy === undefined ? undefined : document[index.newestFirstBy];
    return [valueCell(value, index), typeof sort === "string" ? toText(sort) : ""];
  });
}

/** What is compared: text, folded here because SQLite folds ASCII only; null is in no list. */
export function valueCell(value: unknown, { ignoreCase }: Index): string | null {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return null;
  return toText(ignoreCase ? String(value).toLowerCase() : String(value));
}
