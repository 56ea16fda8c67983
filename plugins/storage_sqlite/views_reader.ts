import type { DatabaseSync, StatementSync } from "node:sqlite";
import { decodeCursor, encodeCursor, type ListName } from "../../core/ports/cursor.ts";
import type { Find, StoredDocument, View } from "../../core/ports/read_models.ts";
import { openForReading } from "./database.ts";
import { type IndexList, tableOf, valueCell } from "./document_rows.ts";
import { ProgressReader } from "./progress_reader.ts";
import { reading } from "./sqlite_error.ts";
import { fromText, toText } from "../../core/engine/stored_text.ts";

export type StoredProgress = { readonly subscription: string; readonly position: number; readonly eventId: string };

const PROGRESS = "select subscription, position, event_id from progress where position is not null";

/** Reads views.db on a connection of its own. Throws `Unavailable`. */
export class ViewsReader {
  readonly progress: ProgressReader;
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#path = path;
    this.#db = openForReading(path);
    this.progress = new ProgressReader(path, this.#db);
  }

  /** The indexes an incarnation was prepared with, as JSON. */
  definitionOf(incarnation: string): string | undefined {
    const found = this.#get("select indexes from read_models where incarnation = ?", incarnation)?.indexes;
    return found === undefined ? undefined : String(found);
  }

  revisionOf(incarnation: string): number {
    return Number(this.#get("select revision from progress where subscription = ?", incarnation)?.revision ?? 0);
  }

  allProgress(): StoredProgress[] {
    return this.#all(PROGRESS).map(({ subscription, position, event_id }) => ({
      subscription: String(subscription),
      position: Number(position),
      eventId: String(event_id),
    }));
  }

  get(incarnation: string, keys: readonly string[]): Map<string, StoredDocument> {
    const sql = `select key, version, document from ${tableOf(incarnation)} where key = ?`;
    const found = new Map<string, StoredDocument>();
    for (const key of keys) {
      const row = this.#get(sql, toText(key));
      if (row !== undefined) found.set(key, toDocument(row));
    }
    return found;
  }

  find(incarnation: string, indexes: IndexList, { where, after, limit }: Find): View {
    const table = tableOf(incarnation);
    if (where === undefined) return this.#findAll(table, { after, limit });
    const at = indexes.findIndex(([name]) => name === where.index);
    const index = indexes[at]?.[1];
    if (index === undefined) {
      throw new TypeError(`Cannot find by "${where.index}": ${incarnation} declares no such index`);
    }
    const value = valueCell(where.value, index) ?? "";
    const list: ListName = [where.index, value];
    const select = `select key, version, document, sort_${at} as sort from ${table} where value_${at} = ?`;
    const order = `order by sort_${at} desc, key limit ?`;
    if (after === undefined) return viewOf(list, this.#all(`${select} ${order}`, value, limit + 1), limit);
    const { sort, key } = decodeCursor(after, list);
    const rest = `and sort_${at} <= ? and (sort_${at} < ? or key > ?)`;
    return viewOf(list, this.#all(`${select} ${rest} ${order}`, value, sort, sort, key, limit + 1), limit);
  }

  close(): void {
    this.#db.close();
  }

  #findAll(table: string, { after, limit }: { after: string | undefined; limit: number }): View {
    const select = `select key, version, document, '' as sort from ${table}`;
    const order = "order by key limit ?";
    if (after === undefined) return viewOf([null], this.#all(`${select} ${order}`, limit + 1), limit);
    const { key } = decodeCursor(after, [null]);
    return viewOf([null], this.#all(`${select} where key > ? ${order}`, key, limit + 1), limit);
  }

  #get(sql: string, ...values: (string | number)[]) {
    return reading(this.#path, () => this.#statement(sql).get(...values));
  }

  #all(sql: string, ...values: (string | number)[]) {
    return reading(this.#path, () => this.#statement(sql).all(...values));
  }

  #statement(sql: string): StatementSync {
    const statement = this.#prepared.get(sql) ?? this.#db.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}

type Row = Readonly<Record<string, unknown>>;

function viewOf(list: ListName, rows: readonly Row[], limit: number): View {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  const next = last === undefined ? null : encodeCursor(list, { sort: String(last.sort), key: String(last.key) });
  return { items: page.map(toDocument), next };
}

function toDocument({ key, version, document }: Row): StoredDocument {
  return { key: fromText(String(key)), version: Number(version), document: JSON.parse(String(document)) };
}
