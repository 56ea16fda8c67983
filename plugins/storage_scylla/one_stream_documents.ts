import type { DocumentWrite } from "../../core/ports/read_models.ts";
import { DocumentReader, type Documents, DOCUMENTS_IN_FLIGHT, type Stored, toCell } from "./documents.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import type { IndexRows, List } from "./index_rows.ts";
import type { CqlSession } from "./session.ts";
import { toKey } from "./text.ts";

/** A removed document stays as a row without one, so that no write of an older version brings it back. */
export function oneStreamTable(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (key text PRIMARY KEY, doc text)`;
}

/**
 * Documents whose version is the sequence number of the event they show. It is the time of the write, too: the newest
 * version stays, in whatever order and however often writes arrive, and whoever sends them.
 */
export class OneStreamDocuments implements Documents {
  readonly reader: DocumentReader;
  readonly #session: CqlSession;
  readonly #update: string;
  readonly #rows: IndexRows;

  constructor(session: CqlSession, table: string, rows: IndexRows) {
    this.reader = new DocumentReader(session, table, { distinct: false });
    this.#session = session;
    this.#update = `UPDATE ${table} USING TIMESTAMP ? SET doc = ? WHERE key = ?`;
    this.#rows = rows;
  }

  known(keys: readonly string[]): Promise<ReadonlyMap<string, Stored>> {
    return this.reader.some(keys);
  }

  async write(documents: readonly DocumentWrite[], lists: readonly List[]): Promise<"written"> {
    await inFlight(lastOfEach(documents), DOCUMENTS_IN_FLIGHT, (each) => this.#put(each, lists));
    return "written";
  }

  /** In this order: wherever it ends, the document that is stored has its rows. */
  async #put(each: DocumentWrite, lists: readonly List[]): Promise<void> {
    const { key, version, document } = each;
    const before = each.before ?? await this.reader.one(key);
    if (before.version >= version) return;
    await this.#rows.insert(key, each, lists);
    const values = [BigInt(version), toCell(each, lists), toKey(key)];
    await this.#session.execute({ cql: this.#update, values });
    await this.#rows.deleteOld(key, { before, after: document }, lists);
  }
}

/** The last of several writes to a key, over what the first of them was to replace. */
function lastOfEach(documents: readonly DocumentWrite[]): Iterable<DocumentWrite> {
  const last = new Map<string, DocumentWrite>();
  for (const each of documents) {
    const earlier = last.get(each.key);
    last.set(each.key, earlier === undefined ? each : { ...each, before: earlier.before });
  }
  return last.values();
}
