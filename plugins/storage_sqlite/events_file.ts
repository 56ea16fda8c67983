import type { DatabaseSync, StatementSync } from "node:sqlite";
import { closeWriter, isWritable, openForWriting, rollBack } from "./database.ts";
import { EVENT_COLUMNS, type EventRow } from "./event_rows.ts";
import { EVENTS_MIGRATIONS } from "./migrations.ts";
import { type ParkedRow, ParkedTable, type StreamRow } from "./parked_rows.ts";
import { commitFailureOf, type Failure, failureOf } from "./sqlite_error.ts";

/** What is committed together: for each append its events, snapshots, moves. Plain arrays cross threads fastest. */
export type Group = {
  readonly appends: readonly (readonly EventRow[])[];
  readonly snapshots: readonly SnapshotRow[];
  readonly moves: readonly Move[];
};
/** What changes in a subscription's progress; a position of null leaves it where it is. */
export type Move = {
  readonly subscription: string;
  readonly position: number | null;
  readonly park: readonly ParkedRow[];
  readonly unpark: readonly StreamRow[];
};
export type SnapshotRow = readonly [
  aggregateType: string,
  aggregateId: string,
  version: number,
  eventId: string,
  fingerprint: string,
  content: string,
];

/** The position of each append's first event, or `CONFLICT`; the failure of a whole group. */
export type GroupReply = { readonly outcomes: readonly number[] } | { readonly failure: Failure };

export const CONFLICT = 0;

const INSERT_EVENT = `insert into events (${EVENT_COLUMNS.join(", ")})
  values (${EVENT_COLUMNS.map(() => "?").join(", ")})`;
const VERSION = `select coalesce(max(sequence_number), 0) as version from events
  where aggregate_type = ? and aggregate_id = ?`;
const SAVE_SNAPSHOT = `insert or replace into snapshots
  (aggregate_type, aggregate_id, version, event_id, fingerprint, content) values (?, ?, ?, ?, ?, ?)`;
const MOVE = `insert into progress (subscription, position) values (?, ?)
  on conflict (subscription) do update set position = coalesce(excluded.position, position)`;

/** The one connection that writes events.db: a transaction for each group, an outcome for each append. */
export class EventsFile {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #version: StatementSync;
  readonly #insert: StatementSync;
  readonly #saveSnapshot: StatementSync;
  readonly #move: StatementSync;
  readonly #parked: ParkedTable;

  constructor(path: string) {
    const db = openForWriting(path, { synchronous: "full", migrations: EVENTS_MIGRATIONS });
    this.#path = path;
    this.#db = db;
    this.#begin = db.prepare("begin immediate");
    this.#commit = db.prepare("commit");
    this.#version = db.prepare(VERSION);
    this.#insert = db.prepare(INSERT_EVENT);
    this.#saveSnapshot = db.prepare(SAVE_SNAPSHOT);
    this.#move = db.prepare(MOVE);
    this.#parked = new ParkedTable(db);
  }

  get isWritable(): boolean {
    return isWritable(this.#db);
  }

  /** The position of the last event. */
  head(): number {
    const row = this.#db.prepare("select max(position) as head from events").get();
    return Number(row?.head ?? 0);
  }

  /** All of a group or, when the disk refuses, none of it; a conflict costs only its own append. */
  write(group: Group): GroupReply {
    let outcomes: number[];
    try {
      this.#begin.run();
      outcomes = group.appends.map((rows) => this.#append(rows));
      for (const row of group.snapshots) this.#saveSnapshot.run(...row);
      for (const { subscription, position, ...parked } of group.moves) {
        this.#move.run(subscription, position);
        this.#parked.write(subscription, parked);
      }
    } catch (error) {
      rollBack(this.#db);
      return { failure: failureOf(error, this.#path) };
    }
    try {
      this.#commit.run();
      return { outcomes };
    } catch (error) {
      const failure = commitFailureOf(error, this.#path);
      rollBack(this.#db);
      return { failure };
    }
  }

  close(): void {
    closeWriter(this.#db);
  }

  #append(rows: readonly EventRow[]): number {
    const [first] = rows;
    if (first === undefined || this.#versionOf(first) !== first[2] - 1) return CONFLICT;
    let position = CONFLICT;
    for (const row of rows) {
      const { lastInsertRowid } = this.#insert.run(...row);
      position ||= Number(lastInsertRowid);
    }
    return position;
  }

  #versionOf([aggregateType, aggregateId]: EventRow): number {
    return Number(this.#version.get(aggregateType, aggregateId)?.version);
  }
}
