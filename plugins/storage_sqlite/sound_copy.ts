import { DatabaseSync } from "node:sqlite";
import { StartError } from "../../core/ports/plugin.ts";
import { EVENT_COLUMNS } from "./event_rows.ts";
import { EVENTS_MIGRATIONS, knownMigrations } from "./migrations.ts";
import { failureOf, isDamaged, messageOf } from "./sqlite_error.ts";

/** What a copy of events.db holds. */
export type Holdings = {
  readonly events: number;
  readonly aggregates: number;
  /** Of the event that was committed last; null without any. */
  readonly lastTimestamp: string | null;
};

const BROKEN = `select aggregate_type, aggregate_id from events group by aggregate_type, aggregate_id
  having count(*) <> max(sequence_number) limit 1`;

/** What is found wrong with a copy of events.db, in one line. */
export class Unsound extends Error {
  override readonly name = "Unsound";

  constructor(finding: string) {
    super(finding.replaceAll(/\s+/g, " "));
  }
}

/**
 * Turns a copy of events.db that nothing else has open into one file, and checks that it is whole: its pages, its
 * migrations, and that neither positions nor sequence numbers have gaps. Throws `Unsound`, and a `StartError` that
 * calls it `name` for one of another deploy.
 */
export function requireSound(path: string, name: string): Holdings {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    const pages = bytesOfPages(db);
    const { size } = Deno.statSync(path);
    if (size !== pages) throw new Unsound(`expected ${pages} bytes, found ${size}`);
    // Left in WAL mode it could only be read where SQLite may write beside it.
    db.prepare("pragma journal_mode = delete").get();
    const fault = scalar(db, "pragma integrity_check(1)");
    if (fault !== "ok") throw new Unsound(String(fault));
    requireTables(db, name);
    return holdingsOf(db);
  } catch (error) {
    throw isOfCopy(error, path) ? new Unsound(messageOf(error)) : error;
  } finally {
    db?.close();
  }
}

/** Throws like `requireSound` where the database is no events.db of this deploy. */
export function requireTables(db: DatabaseSync, name: string): void {
  const applied = knownMigrations(db, { file: name, migrations: EVENTS_MIGRATIONS });
  if (applied.size === 0) throw new Unsound("expected the tables of an events.db, found none");
}

/** Whether SQLite could not make sense of it; an error of the disk says nothing of the copy. */
function isOfCopy(error: unknown, path: string): boolean {
  if (error instanceof StartError || error instanceof Unsound) return false;
  return isDamaged(error) || failureOf(error, path).kind === "fault";
}

function bytesOfPages(db: DatabaseSync): number {
  return Number(scalar(db, "pragma page_count")) * Number(scalar(db, "pragma page_size"));
}

function holdingsOf(db: DatabaseSync): Holdings {
  db.prepare(`select ${EVENT_COLUMNS.join(", ")} from events limit 1`).get();
  const head = Number(scalar(db, "select coalesce(max(position), 0) from events"));
  const events = Number(scalar(db, "select count(*) from events"));
  if (head !== events) throw new Unsound(`expected ${head} events, found ${events}`);
  const broken = db.prepare(BROKEN).get();
  if (broken !== undefined) {
    throw new Unsound(`events of ${broken["aggregate_type"]}/${broken["aggregate_id"]} are missing`);
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
