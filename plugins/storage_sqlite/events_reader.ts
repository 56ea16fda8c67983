import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import type { Write } from "../../core/ports/progress.ts";
import { openForReading } from "./database.ts";
import { EVENT_COLUMNS, type EventRow, sizeOf, toEvent } from "./event_rows.ts";
import { ProgressReader } from "./progress_reader.ts";
import { reading } from "./sqlite_error.ts";
import type { PageBounds, TailPage } from "./tail.ts";
import { fromText, toText } from "../../core/engine/stored_text.ts";

export type StoredSnapshot = {
  readonly version: number;
  readonly eventId: string;
  readonly fingerprint: string;
  readonly content: string;
};

const COLUMNS = EVENT_COLUMNS.join(", ");
/**
 * How many rows are asked for at once: each costs less than half of one that is asked for alone. A page begins with few
 * of them, as each may be large.
 */
const PIECE_ROWS = { first: 8, most: 128 } as const;
const OF_STREAM = "aggregate_type = ? and aggregate_id = ?";
const SQL = {
  read: `select ${COLUMNS} from events where ${OF_STREAM} and sequence_number > ? order by sequence_number limit ?`,
  version: `select coalesce(max(sequence_number), 0) from events where ${OF_STREAM}`,
  page: `select ${COLUMNS}, position from events where position > ? and position <= ?
    and event_type in (select value from json_each(?)) order by position limit ?`,
  timestamp: "select timestamp from events where position = ?",
  eventId: "select event_id from events where position = ?",
  position: `select position from events where ${OF_STREAM} and sequence_number = ?`,
  streams: `select aggregate_type, aggregate_id from events
    where sequence_number = 1 and (aggregate_type, aggregate_id) > (?, ?)
    order by aggregate_type, aggregate_id limit ?`,
  snapshot: `select version, event_id, fingerprint, content from snapshots where ${OF_STREAM}`,
} as const;

/** Reads events.db on a connection of its own, with statements prepared once. Throws `Unavailable`. */
export class EventsReader {
  readonly progress: ProgressReader;
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof SQL, StatementSync>>;

  constructor(path: string) {
    this.#path = path;
    this.#db = openForReading(path);
    this.progress = new ProgressReader(path, this.#db);
    const prepare = (sql: string) => this.#db.prepare(sql);
    this.#statements = {
      read: asArrays(prepare(SQL.read)),
      version: prepare(SQL.version),
      page: asArrays(prepare(SQL.page)),
      timestamp: prepare(SQL.timestamp),
      eventId: prepare(SQL.eventId),
      position: prepare(SQL.position),
      streams: prepare(SQL.streams),
      snapshot: prepare(SQL.snapshot),
    };
  }

  read(stream: Stream, { after, limit }: { after: number; limit: number }): RecordedEvent[] {
    const rows = reading(this.#path, () => this.#statements.read.all(...keyOf(stream), after, limit));
    return rows.map((row) => toEvent(asRow(cellsOf(row))));
  }

  version(stream: Stream): number {
    return Number(this.#first("version", ...keyOf(stream)));
  }

  /** Events of these types after the position and up to `head`, as many as the bounds allow. */
  page(
    after: number,
    { head, eventTypes, maxEvents, maxBytes }: PageBounds & { head: number; eventTypes: ReadonlySet<string> },
  ): TailPage {
    const last = Math.min(head, after + maxEvents);
    const types = JSON.stringify([...eventTypes].map(toText));
    return reading(this.#path, () => {
      const events: RecordedEvent[] = [];
      let bytes = 0;
      let position = after;
      for (let rows: number = PIECE_ROWS.first;; rows = Math.min(rows * 2, PIECE_ROWS.most)) {
        const piece = this.#statements.page.all(position, last, types, rows);
        for (const each of piece) {
          const cells = cellsOf(each);
          const row = asRow(cells);
          events.push(toEvent(row));
          bytes += sizeOf(row);
          position = Number(cells.at(-1));
          if (bytes >= maxBytes) return { events, position };
        }
        if (piece.length < rows) return { events, position: last };
      }
    });
  }

  timestampAt(position: number): string | null {
    const found = this.#first("timestamp", position);
    return typeof found === "string" ? fromText(found) : null;
  }

  /** As stored; undefined where there is no such event. */
  eventIdAt(position: number): string | undefined {
    const found = this.#first("eventId", position);
    return typeof found === "string" ? found : undefined;
  }

  positionOf(write: Write): number | undefined {
    const found = this.#first("position", ...keyOf(write), write.version);
    return typeof found === "number" ? found : undefined;
  }

  snapshot(stream: Stream): StoredSnapshot | undefined {
    const row = reading(this.#path, () => this.#statements.snapshot.get(...keyOf(stream)));
    if (row === undefined) return undefined;
    return {
      version: Number(row.version),
      eventId: fromText(String(row.event_id)),
      fingerprint: fromText(String(row.fingerprint)),
      content: String(row.content),
    };
  }

  /** Those behind this one, by type and id. */
  streams(after: Stream, limit: number): Stream[] {
    const rows = reading(this.#path, () => this.#statements.streams.all(...keyOf(after), limit));
    return rows.map((row) => ({
      aggregateType: fromText(String(row.aggregate_type)),
      aggregateId: fromText(String(row.aggregate_id)),
    }));
  }

  close(): void {
    this.#db.close();
  }

  #first(name: keyof typeof SQL, ...values: (string | number)[]): unknown {
    const row = reading(this.#path, () => this.#statements[name].get(...values));
    return row === undefined ? undefined : Object.values(row)[0];
  }
}

function keyOf({ aggregateType, aggregateId }: Stream): [string, string] {
  return [toText(aggregateType), toText(aggregateId)];
}

/** A row as its cells in the order of the columns takes half the time of one as an object. The types lack the call. */
function asArrays(statement: StatementSync & { setReturnArrays?(enabled: boolean): void }): StatementSync {
  statement.setReturnArrays?.(true);
  return statement;
}

function cellsOf(row: unknown): unknown[] {
  return Array.isArray(row) ? row : Object.values(row ?? {});
}

function asRow(cells: unknown[]): EventRow {
  return cells as unknown as EventRow;
}
