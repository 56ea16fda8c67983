import type { Fields } from "../../core/model/message.ts";
import type { DocumentWrite, KnownDocument, StoredDocument } from "../../core/ports/read_models.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import type { List } from "./index_rows.ts";
import { allRows } from "./rows.ts";
import type { CqlSession, ReadOptions } from "./session.ts";
import { fromKey, toKey } from "./text.ts";

/** A document, a removed one too, and of how many lists the rows were written before it: lists are only ever added. */
export type Stored = KnownDocument & { readonly lists: number };
export type KeyedDocument = Stored & { readonly key: string };

/** The documents of one incarnation. */
export type Documents = {
  readonly reader: DocumentReader;
  known(
    keys: readonly string[],
    streamsOf: (key: string) => ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, Stored>>;
  write(documents: readonly DocumentWrite[], lists: readonly List[]): Promise<"written" | "moved">;
};

/** How many documents are on their way to the server at a time. */
export const DOCUMENTS_IN_FLIGHT = 64;

const NO_DOCUMENT: Stored = { version: 0, document: undefined, lists: 0 };

/** Reads a table with the columns `key` and `doc`; `distinct` where several rows share them. */
export class DocumentReader {
  readonly #session: CqlSession;
  readonly #one: string;
  readonly #first: string;
  readonly #following: string;

  constructor(session: CqlSession, table: string, { distinct }: { readonly distinct: boolean }) {
    const select = `SELECT ${distinct ? "DISTINCT " : ""}key, doc FROM ${table}`;
    this.#session = session;
    this.#one = `${select} WHERE key = ?`;
    this.#first = `${select} LIMIT ?`;
    this.#following = `${select} WHERE token(key) > token(?) LIMIT ?`;
  }

  /** Version 0 where nothing was ever written. */
  async one(key: string, options?: ReadOptions): Promise<Stored> {
    const [row] = await this.#session.execute({ cql: this.#one, values: [toKey(key)] }, options);
    return row === undefined ? NO_DOCUMENT : fromCell(row.doc);
  }

  /** Those that were ever written. */
  async some(keys: readonly string[]): Promise<ReadonlyMap<string, Stored>> {
    const found = new Map<string, Stored>();
    await inFlight(keys, DOCUMENTS_IN_FLIGHT, async (key) => {
      const stored = await this.one(key);
      if (stored.version > 0) found.set(key, stored);
    });
    return found;
  }

  /** In an order that stays, those behind a key (null: from the first on); fewer than `limit` only at the end. */
  async page(after: string | null, limit: number): Promise<readonly KeyedDocument[]> {
    const statement = after === null
      ? { cql: this.#first, values: [limit] }
      : { cql: this.#following, values: [toKey(after), limit] };
    const rows = await allRows(this.#session, statement, { pageSize: limit });
    return rows.map(({ key, doc }) => ({ key: fromKey(String(key)), ...fromCell(doc) }));
  }
}

/** One cell, so that writes of equal time never mix. */
export function toCell({ version, document }: KnownDocument, lists: readonly List[]): string {
  return JSON.stringify({ version, lists: lists.length, document });
}

function fromCell(cell: unknown): Stored {
  if (typeof cell !== "string") return NO_DOCUMENT;
  const { version, lists, document }: Omit<Stored, "document"> & { document?: Fields } = JSON.parse(cell);
  return { version, lists, document };
}

/** What a reader gets of it: nothing, once it is removed. */
export function whereThere({ key, version, document }: KeyedDocument): StoredDocument | undefined {
  return document === undefined ? undefined : { key, version, document };
}
