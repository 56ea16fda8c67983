import { backup, type DatabaseSync } from "node:sqlite";
import { StartError } from "../../core/ports/plugin.ts";
import { openForReading } from "./database.ts";
import { directoryOf, removeDatabase, syncPath } from "./durable_files.ts";
import { giveName, requireNew } from "./new_file.ts";
import { eventsIn } from "./pending_restore.ts";
import { type Holdings, requireSound, requireTables, Unsound } from "./sound_copy.ts";
import { isDamaged, messageOf } from "./sqlite_error.ts";

export type BackupOptions = {
  readonly directory: string;
  readonly file: string;
  /** Its reason is thrown, and nothing left behind; looked at once the pages are copied. */
  readonly signal?: AbortSignal;
};

/** Smaller steps would begin anew whenever something is written in between. */
const ALL_PAGES_AT_ONCE = -1;

/**
 * Copies the events of a data directory into one file, whether a service is using the directory or not: all that was
 * committed when it began, as of one moment; no writer waits for it. The file appears under its name once it is whole,
 * checked and durable. Throws a `StartError`, and then there is no file.
 */
export async function backUp({ directory, file, signal }: BackupOptions): Promise<Holdings> {
  const name = await eventsIn(directory);
  await requireNew(file, { doing: "back up to", outside: directory });
  const partial = await makePartial(file);
  try {
    const held = await copyTo(partial, name);
    await syncPath(partial);
    signal?.throwIfAborted();
    await giveName(partial, file, "back up to");
    return held;
  } catch (error) {
    await removeDatabase(partial);
    throw refusalOf(error, { directory, file });
  }
}

function refusalOf(error: unknown, { directory, file }: BackupOptions): StartError {
  if (error instanceof StartError) return error;
  const cause = { cause: error };
  if (error instanceof Unsound || isDamaged(error)) {
    const found = `its events.db is damaged (${messageOf(error)})`;
    return new StartError(`Cannot back up ${directory}: ${found}; restore it from an earlier backup`, cause);
  }
  const advice = "see that the disk has room and can be written, and try again; nothing was left there";
  return new StartError(`Cannot back up to ${file}: ${messageOf(error)}; ${advice}`, cause);
}

async function copyTo(partial: string, name: string): Promise<Holdings> {
  const source = openForReading(name);
  try {
    const before = headOf(source, name);
    await backup(source, partial, { rate: ALL_PAGES_AT_ONCE });
    const held = requireSound(partial, name);
    if (held.events >= before) return held;
    throw new Error(`expected at least ${before} events in the copy, found ${held.events}`);
  } finally {
    source.close();
  }
}

function headOf(db: DatabaseSync, name: string): number {
  requireTables(db, name);
  return Number(db.prepare("select max(position) as head from events").get()?.head ?? 0);
}

/** Its name is its own, so that two backups to one file do not write into each other's. */
async function makePartial(file: string): Promise<string> {
  const prefix = `${file.slice(file.lastIndexOf("/") + 1)}.`;
  try {
    return await Deno.makeTempFile({ dir: directoryOf(file), prefix, suffix: ".partial" });
  } catch (error) {
    const advice = "name a file in a directory that is there and can be written";
    throw new StartError(`Cannot back up to ${file}: ${messageOf(error)}; ${advice}`, { cause: error });
  }
}
