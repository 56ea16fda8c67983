import { DatabaseSync } from "node:sqlite";
import { StartError } from "../../core/ports/plugin.ts";
import { migrate, type Migration } from "./migrations.ts";
import { isReadOnly } from "./sqlite_error.ts";

/** Older ones can corrupt a database in WAL mode when its log is reset. */
const OLDEST_SQLITE = [3, 51, 3] as const;
const BUSY_TIMEOUT_MS = 5_000;
/** Ids are scattered, and so are their places in the indexes: a writer that must read those back is slower. */
const CACHE_KIBIBYTES = 32 * 1024;
const SYNCHRONOUS = { normal: 1, full: 2 } as const;

export type OpenOptions = {
  readonly synchronous: keyof typeof SYNCHRONOUS;
  readonly migrations: readonly Migration[];
};

/**
 * Opens a database for writing, in WAL mode, with its schema up to date, and checks that SQLite took each setting. On a
 * read-only disk it opens one whose schema is complete for reading, which `isWritable` tells.
 */
export function openForWriting(path: string, { synchronous, migrations }: OpenOptions): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    requireVersion(String(scalar(db, "select sqlite_version()")));
    try {
      requireSetting(path, "journal_mode", { expected: "wal", found: scalar(db, "pragma journal_mode = wal") });
    } catch (error) {
      if (!isReadOnly(error)) throw error;
      requireSetting(path, "journal_mode", { expected: "wal", found: scalar(db, "pragma journal_mode") });
    }
    const level = SYNCHRONOUS[synchronous];
    db.prepare(`pragma synchronous = ${level}`).run();
    db.prepare(`pragma cache_size = -${CACHE_KIBIBYTES}`).run();
    requireSetting(path, "synchronous", { expected: level, found: scalar(db, "pragma synchronous") });
    requireSetting(path, "busy_timeout", { expected: BUSY_TIMEOUT_MS, found: scalar(db, "pragma busy_timeout") });
    migrate(db, { file: path, migrations });
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A connection that only reads what another one has committed. */
export function openForReading(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
}

/** Whether its disk takes writes; beginning a transaction would not find out, changing a page does. */
export function isWritable(db: DatabaseSync): boolean {
  db.prepare("begin immediate").run();
  try {
    db.prepare("pragma user_version = 1").run();
    return true;
  } catch (error) {
    if (isReadOnly(error)) return false;
    throw error;
  } finally {
    rollBack(db);
  }
}

/** Closes it with its log written back, where that is possible: readers still open keep SQLite from doing it. */
export function closeWriter(db: DatabaseSync): void {
  try {
    db.prepare("pragma wal_checkpoint(truncate)").get();
  } catch {
    // A full or read-only disk: the log stays and is read at the next start.
  }
  db.close();
}

/** Ends what a failed statement left open; a full disk has rolled back by itself. */
export function rollBack(db: DatabaseSync): void {
  if (db.isTransaction) db.prepare("rollback").run();
}

export function requireVersion(found: string): void {
  const parts = found.split(".").map(Number);
  const at = OLDEST_SQLITE.findIndex((part, index) => parts[index] !== part);
  if (at === -1 || (parts[at] ?? 0) > (OLDEST_SQLITE[at] ?? 0)) return;
  const oldest = OLDEST_SQLITE.join(".");
  throw new StartError(
    `Cannot use SQLite ${found}: expected at least ${oldest}, as older ones can corrupt a log; run a newer Deno`,
  );
}

export function requireSetting(
  path: string,
  setting: string,
  { expected, found }: { expected: unknown; found: unknown },
): void {
  if (expected === found) return;
  throw new StartError(
    `Cannot open ${path}: expected ${setting} to be ${expected}, found ${found}; use a disk of this machine`,
  );
}

function scalar(db: DatabaseSync, sql: string): unknown {
  return Object.values(db.prepare(sql).get() ?? {})[0];
}
