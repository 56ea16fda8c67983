import { DatabaseSync } from "node:sqlite";
import { StartError } from "../../core/ports/plugin.ts";
import { EVENT_COLUMNS } from "./event_rows.ts";
import { EVENTS_MIGRATIONS, knownMigrations } from "./migrations.ts";
import { messageOf } from "./sqlite_error.ts";

/** What a copy of events.db holds. */
export type Holdings = {
  readonly events: number;
  readonly aggregates: number;
  /** Of the event that was committed last; null without any. */
  readonly lastTimestamp: string | null;
};

const BROKEN = `select aggregate_type, aggregate_id from events group by aggregate_type, aggregate_id
  having count(*) <> max(sequence_number) limit 1`;

/**
 * Turns a copy of events.db that nothing else has open into one file, and checks that it is whole: its pages, its
 * migrations, and that neither positions nor sequence numbers have gaps. Throws a `StartError` that calls it `name`.
 */
export function requireSound(path: string, name: string): Holdings {
  const refusal = (found: string, advice: string) => new StartError(`Cannot use ${name}: ${found}; ${advice}`);
  const another = "give a file that deno task backup has made";
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    const pages = bytesOfPages(db);
    const { size } = Deno.statSync(path);
    if (size !== pages) throw refusal(`it is damaged: expected ${pages} bytes, found ${size}`, another);
    // Left in WAL mode it could only be read where SQLite may write beside it.
    db.prepare("pragma journal_mode = delete").get();
    const fault = scalar(db, "pragma integrity_check(1)");
    if (fault !== "ok") throw refusal(`it is damaged (${fault})`, another);
    const applied = knownMigrations(db, { file: name, migrations: EVENTS_MIGRATIONS });
    if (applied.size === 0) throw refusal("it is a database, but no events.db", another);
    return holdingsOf(db, (found) => refusal(`it is damaged: ${found}`, another));
  } catch (error) {
    throw error instanceof StartError ? error : refusal(`it is no sound database (${messageOf(error)})`, another);
  } finally {
    db?.close();
  }
}

function bytesOfPages(db: DatabaseSync): number {
  return Number(scalar(db, "pragma page_count")) * Number(scalar(db, "pragma page_size"));
}

function holdingsOf(db: DatabaseSync, damaged: (found: string) => StartError): Holdings {
  db.prepare(`select ${EVENT_COLUMNS.join(", ")} from events limit 1`).get();
  const head = Number(scalar(db, "select coalesce(max(position), 0) from events"));
  const events = Number(scalar(db, "select count(*) from events"));
  if (head !== events) throw damaged(`expected ${head} events, found ${events}`);
  const broken = db.prepare(BROKEN).get();
  if (broken !== undefined) {
    throw damaged(`events of ${broken["aggregate_type"]}/${broken["aggregate_id"]} are missing`);
  }
  const last = scalar(db, "select timestamp from events order by position desc limit 1");
  return {
    events,
    aggregates: Number(scalar(db, "select count(*) from events where sequence_number = 1")),
    lastTimestamp: typeof last === "string" ? last : null,
  };
}

function scalar(db: DatabaseSync, sql: string): unknown {
  return Object.values(db.prepare(sql).get() ?? {})[0];
}
