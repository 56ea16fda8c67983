import { createHash } from "node:crypto";
import type { Fields } from "../../core/model/message.ts";
import type { Index } from "../../core/model/projection.ts";
import type { KnownDocument } from "../../core/ports/read_models.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import type { CqlSession, Statement } from "./session.ts";
import { toText } from "../../core/engine/stored_text.ts";
import { toKey } from "./text.ts";

/**
 * An index as its rows know it. They are named by what is indexed and how: under another definition they are other
 * rows, so that rows of two deploys never stand for one another.
 */
export type List = { readonly name: string; readonly index: Index };

export function listOf({ by, newestFirstBy, ignoreCase }: Index): List {
  const index: Index = { by, ...newestFirstBy && { newestFirstBy }, ...ignoreCase && { ignoreCase } };
  return { name: JSON.stringify(index), index };
}

export function listNamed(name: string): List {
  return listOf(JSON.parse(name));
}

/** Where one document stands in one list. */
export type Cells = { readonly list: string; readonly value: string; readonly sort: string };

/** Of one list: where the document stands in it; undefined where it has no value to stand under. */
export function cellsOf({ name, index }: List, document: Fields | undefined): Cells | undefined {
  const value = valueOf(index, document?.[index.by]);
  if (value === undefined) return undefined;
  const sort = index.newestFirstBy === undefined ? undefined : document?.[index.newestFirstBy];
  return { list: name, value, sort: typeof sort === "string" ? toText(sort.slice(0, MAX_CHARACTERS)) : "" };
}

/** What is compared, as it is stored; undefined is in no list. */
export function valueOf({ ignoreCase }: Index, value: unknown): string | undefined {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return undefined;
  const text = ignoreCase ? String(value).toLowerCase() : String(value);
  if (text.length <= MAX_CHARACTERS) return toText(text);
  return `${toText(text.slice(0, MAX_CHARACTERS))}\\${createHash("sha256").update(JSON.stringify(text)).digest("hex")}`;
}

/** CQL takes no key of over 64 KB: of a longer value the rest is told by its digest, of a longer sort not at all. */
const MAX_CHARACTERS = 1_000;

/** A row that a document does not bear out: of an earlier version than that, or of a write that came to nothing. */
export type StaleHint = { readonly key: string; readonly version: number; readonly row: Cells };

const CLEANED_IN_FLIGHT = 16;

/** A hot value is spread over so many partitions; a list is merged from them. */
export const SHARDS = 16;

/** By the upper bits of FNV-1a, which every character has stirred. */
export function shardOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 16) % SHARDS;
}

/**
 * The rows that tell which documents may stand in a list. They are hints: who reads them looks at the documents, too.
 *
 * A write inserts all the rows of its document with its version as their time, also those that stood before, and
 * deletes the rows before it with the time of the version before it. So a late deletion never takes a row that a newer
 * version wrote, whichever process sends it.
 *
 * A deleted row leaves a tombstone, and Cassandra gives up a read that meets 100,000 of them. With no seconds of grace
 * it counts only those of the present second. Grace is there so that a replica that missed a deletion does not bring
 * the row back: here such a row is a hint like any other, which the reader drops.
 */
export function indexTable(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
    list text, value text, shard int, sort text, key text,
    PRIMARY KEY ((list, value, shard), sort, key)
  ) WITH CLUSTERING ORDER BY (sort DESC, key ASC)
    AND tombstone_gc = {'mode': 'timeout'} -- scylla
    AND gc_grace_seconds = 0`;
}

export class IndexRows {
  readonly #session: CqlSession;
  readonly #insert: string;
  readonly #delete: string;

  constructor(session: CqlSession, table: string) {
    this.#session = session;
    this.#insert = `INSERT INTO ${table} (list, value, shard, sort, key) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`;
    this.#delete = `DELETE FROM ${table} USING TIMESTAMP ?
      WHERE list = ? AND value = ? AND shard = ? AND sort = ? AND key = ?`;
  }

  /** To be done before the document is written. */
  async insert(key: string, { version, document }: KnownDocument, lists: readonly List[]): Promise<void> {
    const rows = rowsOf(document, lists);
    await Promise.all(rows.map((row) => this.#session.execute(this.#inserting(key, row, version))));
  }

  /** To be done after `after` was written in the place of `before`. */
  async deleteOld(
    key: string,
    { before, after }: { readonly before: KnownDocument; readonly after: Fields | undefined },
    lists: readonly List[],
  ): Promise<void> {
    const kept = new Set(rowsOf(after, lists).map(nameOf));
    const old = rowsOf(before.document, lists).filter((row) => !kept.has(nameOf(row)));
    await Promise.all(old.map((row) => this.#session.execute(this.#deleting(key, row, before.version))));
  }

  /** Deletes hints that their documents do not bear out; one that cannot be deleted is met again. */
  async clean(stale: readonly StaleHint[]): Promise<void> {
    await inFlight(stale, CLEANED_IN_FLIGHT, async ({ key, version, row }) => {
      await this.#session.execute(this.#deleting(key, row, version - 1)).catch(() => {});
    });
  }

  #inserting(key: string, { list, value, sort }: Cells, version: number): Statement {
    const text = toKey(key);
    return { cql: this.#insert, values: [list, value, shardOf(text), sort, text, BigInt(version)] };
  }

  #deleting(key: string, { list, value, sort }: Cells, version: number): Statement {
    const text = toKey(key);
    return { cql: this.#delete, values: [BigInt(version), list, value, shardOf(text), sort, text] };
  }
}

function rowsOf(document: Fields | undefined, lists: readonly List[]): Cells[] {
  return lists.flatMap((list) => cellsOf(list, document) ?? []);
}

function nameOf({ list, value, sort }: Cells): string {
  return JSON.stringify([list, value, sort]);
}
