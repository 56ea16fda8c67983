// events.db: one transaction a group, one outcome an append.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { required } from "./required.ts";
import { type Append, type Cell, CONFLICT, type Shape } from "./shape.ts";

const columns = `version, event_id, event_type, event_version, event_data, command_id, command_hash,
  causation_id, correlation_id, user_id, timestamp, metadata`;
const types = `event_id ANY NOT NULL, event_type TEXT NOT NULL, event_version INTEGER NOT NULL,
  event_data TEXT NOT NULL, command_id TEXT, command_hash TEXT, causation_id TEXT, correlation_id TEXT,
  user_id TEXT, timestamp INTEGER NOT NULL, metadata TEXT`;

export function open(path: string, shape: Shape, synchronous: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA page_size = ${shape.pageSize}; PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000;
    PRAGMA synchronous = ${synchronous}; PRAGMA wal_autocheckpoint = ${shape.checkpointPages};
    PRAGMA cache_size = -${shape.cacheKiB}; PRAGMA mmap_size = ${shape.mmapMiB * 1048576};`);
  if (shape.exclusive) db.exec("PRAGMA locking_mode = EXCLUSIVE");
  return db;
}

interface Stream {
  id: number;
  head: number;
}

interface StreamsTable {
  find: StatementSync;
  create: StatementSync;
  move: StatementSync;
}

export class EventsDb {
  readonly #db: DatabaseSync;
  readonly #shape: Shape;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #head: StatementSync;
  readonly #streamsTable?: StreamsTable;
  readonly #streams = new Map<string, Stream>();

  constructor(path: string, shape: Shape) {
    this.#shape = shape;
    const db = this.#db = open(path, shape, shape.synchronous);
    const text = shape.table === "text";
    const key = text ? "aggregate_type, aggregate_id" : "stream";
    db.exec(
      text
        ? `CREATE TABLE events (position INTEGER PRIMARY KEY, aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL,
           version INTEGER NOT NULL, ${types}) STRICT`
        : `CREATE TABLE events (position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, version INTEGER NOT NULL,
           ${types})
           STRICT;
           CREATE TABLE streams (id INTEGER PRIMARY KEY, aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL,
           head INTEGER NOT NULL, UNIQUE (aggregate_type, aggregate_id)) STRICT`,
    );
    if (shape.unique) db.exec(`CREATE UNIQUE INDEX events_by_stream ON events (${key}, version)`);
    const where = text ? "aggregate_type = ?1 AND aggregate_id = ?2" : "stream = ?1";
    const holes = (n: number) => Array.from({ length: n }, (_, i) => `?${i + 1}`).join(",");
    const keys = text ? 2 : 1;
    const head = `SELECT ifnull(max(version), 0) AS head FROM events WHERE ${where}`;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#head = db.prepare(head);
    this.#insert = db.prepare(
      `INSERT INTO events (${key}, ${columns}) ` +
        (shape.heads === "guard"
          ? `SELECT ${holes(keys + 12)} WHERE (${head}) = ?${keys + 1} - 1`
          : `VALUES (${holes(keys + 12)})`),
    );
    if (!text) {
      this.#streamsTable = {
        find: db.prepare("SELECT id, head FROM streams WHERE aggregate_type = ? AND aggregate_id = ?"),
        create: db.prepare("INSERT INTO streams (aggregate_type, aggregate_id, head) VALUES (?, ?, 0)"),
        move: db.prepare("UPDATE streams SET head = ?3 WHERE id = ?1 AND head = ?2"),
      };
    }
  }

  /** All of a group or, when the disk refuses, none of it; a conflict costs only its own append. */
  commit(group: Append[]): number[] {
    this.#begin.run();
    try {
      const outcomes = group.map((append) => this.#append(append));
      this.#commit.run();
      return outcomes;
    } catch (error) {
      this.#streams.clear();
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  count(): number {
    return (this.#db.prepare("SELECT count(*) AS n FROM events").get() as { n: number }).n;
  }

  close(): void {
    this.#db.close();
  }

  #append([type, id, expected, rows]: Append): number {
    const { heads, table } = this.#shape;
    const name = `${type}/${id}`;
    const stream = table === "stream" || heads === "memory" ? this.#stream(type, id, name) : undefined;
    const key: Cell[] = stream && table === "stream" ? [stream.id] : [type, id];
    if (heads === "memory" && stream?.head !== expected) return CONFLICT;
    if (heads === "select" && (this.#head.get(...key) as { head: number }).head !== expected) return CONFLICT;
    if (heads === "column" && !this.#move(required(stream, "the stream"), expected, rows.length)) return CONFLICT;
    let first = 0, version = expected;
    for (const row of rows) {
      const done = this.#insert.run(...key, ++version, ...row);
      if (done.changes !== 1) return CONFLICT;
      first ||= Number(done.lastInsertRowid);
    }
    if (stream && heads === "memory") stream.head = version;
    return first;
  }

  /** Whether the stream's head was the expected one. */
  #move({ id }: Stream, expected: number, count: number): boolean {
    return required(this.#streamsTable, "the streams table").move.run(id, expected, expected + count).changes === 1;
  }

  #stream(type: string, id: string, name: string): Stream {
    const known = this.#streams.get(name);
    if (known) return known;
    let stream: Stream = { id: 0, head: 0 };
    if (this.#shape.table === "text") stream.head = (this.#head.get(type, id) as { head: number }).head;
    else {
      const { find, create } = required(this.#streamsTable, "the streams table");
      const found = find.get(type, id) as unknown as Stream | undefined;
      if (found) stream = { id: found.id, head: (this.#head.get(found.id) as { head: number }).head };
      else stream.id = Number(create.run(type, id).lastInsertRowid);
    }
    this.#streams.set(name, stream);
    return stream;
  }
}
