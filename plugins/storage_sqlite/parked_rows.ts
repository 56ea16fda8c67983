import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Stream } from "../../core/ports/event_store.ts";
import type { Parked } from "../../core/ports/progress.ts";
import { fromText, toText } from "../../core/engine/stored_text.ts";

/** A parked aggregate as it crosses to a worker. */
export type StreamRow = readonly [aggregateType: string, aggregateId: string];
export type ParkedRow = readonly [
  ...StreamRow,
  from: number,
  through: number,
  attempts: number,
  error: string,
  firstFailedAt: string,
  lastFailedAt: string,
  eventType: string,
  givenUp: number,
  request: number,
];

const PARK = "insert or replace into parked values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const UNPARK = "delete from parked where subscription = ? and aggregate_type = ? and aggregate_id = ?";

/** Writes the table `parked` of either file, within a transaction of the caller. */
export class ParkedTable {
  readonly #park: StatementSync;
  readonly #unpark: StatementSync;

  constructor(db: DatabaseSync) {
    this.#park = db.prepare(PARK);
    this.#unpark = db.prepare(UNPARK);
  }

  write(
    subscription: string,
    { park, unpark }: { readonly park: readonly ParkedRow[]; readonly unpark: readonly StreamRow[] },
  ): void {
    for (const stream of unpark) this.#unpark.run(subscription, ...stream);
    for (const row of park) this.#park.run(subscription, ...row);
  }
}

export function toParkedRow(parked: Parked): ParkedRow {
  const { from, through, attempts, error, firstFailedAt, lastFailedAt, eventType, givenUp, request } = parked;
  const failed = [attempts, toText(error), firstFailedAt, lastFailedAt, toText(eventType)] as const;
  return [...toStreamRow(parked), from, through, ...failed, givenUp ? 1 : 0, request];
}

export function toStreamRow({ aggregateType, aggregateId }: Stream): StreamRow {
  return [toText(aggregateType), toText(aggregateId)];
}

export function toParked(row: Readonly<Record<string, unknown>>): Parked {
  return {
    aggregateType: fromText(String(row.aggregate_type)),
    aggregateId: fromText(String(row.aggregate_id)),
    from: Number(row.parked_from),
    through: Number(row.parked_through),
    eventType: fromText(String(row.event_type)),
    attempts: Number(row.attempts),
    givenUp: row.given_up === 1,
    request: Number(row.request),
    error: fromText(String(row.error)),
    firstFailedAt: String(row.first_failed_at),
    lastFailedAt: String(row.last_failed_at),
  };
}
