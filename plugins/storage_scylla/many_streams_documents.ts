import type { DocumentWrite } from "../../core/ports/read_models.ts";
import { DocumentReader, type Documents, type Stored, toCell } from "./documents.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import type { IndexRows, List } from "./index_rows.ts";
import { allRows } from "./rows.ts";
import { CqlError, type CqlSession } from "./session.ts";
import { fromText, toText } from "../../core/engine/stored_text.ts";
import { toKey } from "./text.ts";

/** Conditional statements only. Beside the document a row per stream: up to which of its events the document shows. */
export function manyStreamsTable(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
    key text, source text, seq bigint, rev bigint static, doc text static, PRIMARY KEY (key, source)
  )`;
}

/** A conditional write costs the server a round of agreement; more of them at a time only wait for each other. */
const CONDITIONAL_IN_FLIGHT = 32;

/**
 * Documents that any process may write, made from the events of many streams: each write is conditional on the version
 * it was made from, and stores in the same step up to which event of which stream the document shows.
 *
 * Whether a write without an answer was done need not be known: it is answered as moved, and whoever reads what is
 * known and writes again either finds it shown, or writes over the same version, and only one of the two can succeed.
 */
export class ManyStreamsDocuments implements Documents {
  readonly reader: DocumentReader;
  readonly #session: CqlSession;
  readonly #cql: ReturnType<typeof statementsFor>;
  readonly #rows: IndexRows;

  constructor(session: CqlSession, table: string, rows: IndexRows) {
    this.reader = new DocumentReader(session, table, { distinct: true });
    this.#session = session;
    this.#cql = statementsFor(table);
    this.#rows = rows;
  }

  /** A document is read before its streams: when it moves in between, the write is refused. */
  async known(
    keys: readonly string[],
    streamsOf: (key: string) => ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, Stored>> {
    const found = new Map<string, Stored>();
    await inFlight(keys, CONDITIONAL_IN_FLIGHT, async (key) => {
      const stored = await this.reader.one(key, { consistency: "serial" });
      found.set(key, { ...stored, shown: await this.#readShown(key, streamsOf(key)) });
    });
    return found;
  }

  async write(documents: readonly DocumentWrite[], lists: readonly List[]): Promise<"written" | "moved"> {
    let outcome: "written" | "moved" = "written";
    const byKey = Map.groupBy(documents, ({ key }) => key);
    await inFlight(byKey.values(), CONDITIONAL_IN_FLIGHT, async (writes) => {
      for (const each of writes) {
        if (await this.#put(each, lists)) continue;
        outcome = "moved";
        return;
      }
    });
    return outcome;
  }

  async #readShown(key: string, streams: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    const shown = new Map<string, number>();
    for (const some of chunksOf([...streams].map(toText))) {
      const statement = { cql: this.#cql.shown(some.length), values: [toKey(key), ...some] };
      for (const { source, seq } of await allRows(this.#session, statement)) {
        shown.set(fromText(String(source)), Number(seq));
      }
    }
    return shown;
  }

  async #put(each: DocumentWrite, lists: readonly List[]): Promise<boolean> {
    const { key, version, document, shown = new Map<string, number>() } = each;
    const before = each.before ?? await this.reader.one(key, { consistency: "serial" });
    await this.#rows.insert(key, each, lists);
    const text = toKey(key);
    const read = before.version === 0 ? null : BigInt(before.version);
    const isWritten = await isApplied(this.#session, [
      { cql: this.#cql.update, values: [BigInt(version), toCell(each, lists), text, read] },
      ...[...shown].map(([stream, seq]) => ({ cql: this.#cql.show, values: [text, toText(stream), BigInt(seq)] })),
    ]);
    if (isWritten) await this.#rows.deleteOld(key, { before, after: document }, lists);
    return isWritten;
  }
}

async function isApplied(session: CqlSession, batch: Parameters<CqlSession["batch"]>[0]): Promise<boolean> {
  try {
    const [row] = await session.batch(batch);
    return row?.["[applied]"] === true;
  } catch (error) {
    if (error instanceof CqlError && error.kind === "unknown") return false;
    throw error;
  }
}

function statementsFor(table: string) {
  return {
    shown: (count: number) =>
      `SELECT source, seq FROM ${table} WHERE key = ? AND source IN (${Array(count).fill("?").join(", ")})`,
    update: `UPDATE ${table} SET rev = ?, doc = ? WHERE key = ? IF rev = ?`,
    show: `INSERT INTO ${table} (key, source, seq) VALUES (?, ?, ?)`,
  };
}

const CHUNK_SIZES = [1, 10, 100];

/** In few sizes, each a statement to prepare; the last is filled up with what is in it. */
function chunksOf(streams: readonly string[]): string[][] {
  const size = CHUNK_SIZES.find((each) => streams.length <= each) ?? 100;
  return Array.from({ length: Math.ceil(streams.length / size) }, (_, at) => {
    const chunk = streams.slice(at * size, (at + 1) * size);
    return [...chunk, ...Array(size - chunk.length).fill(chunk[0])];
  });
}
