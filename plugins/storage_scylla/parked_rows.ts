import { type Stream, Superseded } from "../../core/ports/event_store.ts";
import type { Parked } from "../../core/ports/progress.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { sliceOf } from "./partitions.ts";
import { allRows } from "./rows.ts";
import { CqlError, type CqlRow, type CqlSession, type CqlValue, type Statement } from "./session.ts";
import { fromText, toText } from "../../core/engine/stored_text.ts";

export type ParkedRowsParts = {
  readonly session: CqlSession;
  readonly runtime: Pick<Runtime, "newId">;
  readonly slices: number;
};

const COLUMNS = "aggregate_type, aggregate_id, parked_from, parked_through, attempts, error, first_failed_at, " +
  "last_failed_at, event_type, given_up, request, revision";
const KEY = "subscription = ? AND slice = ? AND aggregate_type = ? AND aggregate_id = ?";
const BEHIND = `SELECT ${COLUMNS} FROM dead_letter_queue WHERE subscription = ? AND slice = ? ` +
  "AND (aggregate_type, aggregate_id) > (?, ?) LIMIT ?";
const READ = `SELECT ${COLUMNS} FROM dead_letter_queue WHERE ${KEY}`;
const INSERT = "INSERT INTO dead_letter_queue (parked_from, parked_through, attempts, error, first_failed_at, " +
  "last_failed_at, event_type, given_up, request, revision, subscription, slice, aggregate_type, aggregate_id) " +
  "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const UPDATE = "UPDATE dead_letter_queue SET parked_from = ?, parked_through = ?, attempts = ?, error = ?, " +
  "first_failed_at = ?, last_failed_at = ?, event_type = ?, given_up = ?, request = ?, " +
  `revision = ? WHERE ${KEY} IF revision = ?`;
const DELETE = `DELETE FROM dead_letter_queue WHERE ${KEY} IF revision = ?`;

/**
 * The rows of parked aggregates. This copy changes a row only as it knows it, by its revision: so one that was paused
 * undoes nothing of what another has done since.
 */
export class ParkedRows {
  readonly #parts: ParkedRowsParts;
  /** Of the rows that this copy has loaded or written, by key. */
  readonly #revisions = new Map<string, string>();

  constructor(parts: ParkedRowsParts) {
    this.#parts = parts;
  }

  /** All rows of these slices. Throws a `CqlError`, like everything here. */
  async load(subscription: string, slices: readonly number[]): Promise<readonly Parked[]> {
    if (slices.length === 0) return [];
    const marks = slices.map(() => "?").join(", ");
    const cql = `SELECT ${COLUMNS} FROM dead_letter_queue WHERE subscription = ? AND slice IN (${marks})`;
    const rows = await allRows(this.#parts.session, { cql, values: [subscription, ...slices] });
    return rows.map((row) => {
      const parked = toParked(row);
      this.#revisions.set(nameOf(this.#keyOf(subscription, parked)), String(row["revision"]));
      return parked;
    });
  }

  /** Slice by slice and there by name, whoever owns them: at most `limit`, those behind this stream. */
  async behind(
    subscription: string,
    { stream, limit }: { readonly stream: Stream | undefined; readonly limit: number },
  ): Promise<readonly Parked[]> {
    const { session, slices } = this.#parts;
    const found: Parked[] = [];
    const first = stream === undefined ? 0 : sliceOf(stream, slices);
    for (let slice = first; slice < slices && found.length < limit; slice += 1) {
      const name = stream !== undefined && slice === first ? [stream.aggregateType, stream.aggregateId] : ["", ""];
      const values = [subscription, slice, ...name.map(toText), limit - found.length];
      found.push(...(await allRows(session, { cql: BEHIND, values })).map(toParked));
    }
    return found;
  }

  async at(subscription: string, stream: Stream): Promise<Parked | undefined> {
    const [row] = await this.#parts.session.execute({ cql: READ, values: this.#keyOf(subscription, stream) });
    return row === undefined ? undefined : toParked(row);
  }

  /** Throws `Superseded` when another copy has changed the row. */
  async put(subscription: string, parked: Parked): Promise<void> {
    const key = this.#keyOf(subscription, parked);
    const revision = this.#parts.runtime.newId();
    const before = this.#revisions.get(nameOf(key));
    const values = [...valuesOf(parked), revision, ...key];
    const statement = before === undefined ? { cql: INSERT, values } : { cql: UPDATE, values: [...values, before] };
    if (!await this.#change(statement, key, revision)) throw this.#changedBy(key);
    this.#revisions.set(nameOf(key), revision);
  }

  async remove(subscription: string, stream: Stream): Promise<void> {
    const key = this.#keyOf(subscription, stream);
    const revision = this.#revisions.get(nameOf(key)) ?? await this.#read(key);
    const isGone = revision === undefined || await this.#change({ cql: DELETE, values: [...key, revision] }, key);
    if (!isGone) throw this.#changedBy(key);
    this.#revisions.delete(nameOf(key));
  }

  /** Whether the row is as the statement leaves it: with this revision, or gone. */
  async #change(statement: Statement, key: readonly CqlValue[], revision?: string): Promise<boolean> {
    try {
      const [row] = await this.#parts.session.execute(statement);
      if (row?.["[applied]"] === true) return true;
    } catch (error) {
      if (!(error instanceof CqlError)) throw error;
      if (await this.#read(key) === revision) return true;
      throw error;
    }
    return await this.#read(key) === revision;
  }

  async #read(key: readonly CqlValue[]): Promise<string | undefined> {
    const [row] = await this.#parts.session.execute({ cql: READ, values: key }, { consistency: "serial" });
    return row === undefined ? undefined : String(row["revision"]);
  }

  #changedBy(key: readonly CqlValue[]): Superseded {
    this.#revisions.delete(nameOf(key));
    return new Superseded("Another process has changed a parked aggregate: its progress has to be loaded again");
  }

  #keyOf(subscription: string, stream: Stream): readonly CqlValue[] {
    const slice = sliceOf(stream, this.#parts.slices);
    return [subscription, slice, toText(stream.aggregateType), toText(stream.aggregateId)];
  }
}

function valuesOf(parked: Parked): readonly CqlValue[] {
  const { from, through, attempts, error, firstFailedAt, lastFailedAt, eventType, givenUp, request } = parked;
  const times = [new Date(firstFailedAt), new Date(lastFailedAt)];
  return [
    BigInt(from),
    BigInt(through),
    attempts,
    toText(error),
    ...times,
    toText(eventType),
    givenUp,
    BigInt(request),
  ];
}

function toParked(row: CqlRow): Parked {
  return {
    aggregateType: fromText(String(row["aggregate_type"])),
    aggregateId: fromText(String(row["aggregate_id"])),
    from: Number(row["parked_from"]),
    through: Number(row["parked_through"]),
    // A row of before there were dead letters has none of these three.
    eventType: fromText(String(row["event_type"] ?? "")),
    attempts: Number(row["attempts"]),
    givenUp: row["given_up"] === true,
    request: Number(row["request"] ?? 0),
    error: fromText(String(row["error"])),
    firstFailedAt: momentOf(row["first_failed_at"]),
    lastFailedAt: momentOf(row["last_failed_at"]),
  };
}

function momentOf(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

function nameOf(key: readonly CqlValue[]): string {
  return JSON.stringify(key);
}
