import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { StartError } from "../../core/ports/plugin.ts";
import events001 from "../../schema/sqlite/001_events.sql" with { type: "text" };
import events002 from "../../schema/sqlite/002_checkpoints.sql" with { type: "text" };
import deadLetters003 from "../../schema/sqlite/003_dead_letters.sql" with { type: "text" };
import views001 from "../../schema/sqlite/001_views.sql" with { type: "text" };

export type Migration = { readonly name: string; readonly sql: string };

/** In the order they are applied; a file once released is never edited. */
export const EVENTS_MIGRATIONS: readonly Migration[] = [
  { name: "001_events", sql: events001 },
  { name: "002_checkpoints", sql: events002 },
  { name: "003_dead_letters", sql: deadLetters003 },
];
export const VIEWS_MIGRATIONS: readonly Migration[] = [
  { name: "001_views", sql: views001 },
  { name: "003_dead_letters", sql: deadLetters003 },
];

const CREATE = `create table if not exists schema_migrations (
  name text primary key, sha256 text not null, applied_at text not null default current_timestamp
) strict, without rowid`;

type Expected = { readonly file: string; readonly migrations: readonly Migration[] };

/** Applies what is missing, all in one transaction; throws a `StartError` where the file knows other migrations. */
export function migrate(db: DatabaseSync, expected: Expected): void {
  const applied = knownMigrations(db, expected);
  const missing = expected.migrations.filter(({ name }) => !applied.has(name));
  if (missing.length === 0) return;
  db.prepare("begin immediate").run();
  try {
    db.prepare(CREATE).run();
    for (const each of missing) {
      db.exec(each.sql);
      db.prepare("insert into schema_migrations (name, sha256) values (?, ?)").run(each.name, digest(each));
    }
    db.prepare("commit").run();
  } catch (error) {
    if (db.isTransaction) db.prepare("rollback").run();
    throw error;
  }
}

/** The names of those that were applied; throws a `StartError` for one that is not of these. */
export function knownMigrations(db: DatabaseSync, { file, migrations }: Expected): ReadonlySet<string> {
  const applied = appliedIn(db);
  for (const [name, sha256] of applied) {
    const migration = migrations.find((each) => each.name === name);
    if (migration === undefined) {
      throw new StartError(`Cannot open ${file}: it was changed by the newer migration ${name}; start a newer deploy`);
    }
    if (digest(migration) !== sha256) {
      throw new StartError(`Cannot open ${file}: the migration ${name} was edited after it was applied; undo the edit`);
    }
  }
  return new Set(applied.keys());
}

function appliedIn(db: DatabaseSync): ReadonlyMap<string, string> {
  const table = db.prepare("select name from sqlite_schema where name = 'schema_migrations'").get();
  if (table === undefined) return new Map();
  const rows = db.prepare("select name, sha256 from schema_migrations order by name").all();
  return new Map(rows.map(({ name, sha256 }) => [String(name), String(sha256)]));
}

function digest({ sql }: Migration): string {
  return createHash("sha256").update(sql).digest("hex");
}
