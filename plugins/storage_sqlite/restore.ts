import { StartError } from "../../core/ports/plugin.ts";
import { directoryOf, isThere, removeDatabase, syncPath } from "./durable_files.ts";
import { lockDirectory } from "./lock.ts";
import { standsIn } from "./new_file.ts";
import { dataIn, type Finished, finishRestore, pendingName } from "./pending_restore.ts";
import { type Holdings, requireSound, Unsound } from "./sound_copy.ts";
import { messageOf } from "./sqlite_error.ts";

export type RestoreOptions = {
  readonly directory: string;
  readonly file: string;
  /** Puts aside what is there; without it data that is there is a refusal. */
  readonly force: boolean;
  /** ISO 8601: names what is put aside. */
  readonly at: string;
};

export type Restored = Finished & { readonly held: Holdings };

/**
 * Makes a backup the events of a data directory that no service is using; its views are made from them at the next
 * start. The backup is copied and checked before anything else is touched. Killed at any moment, it has either changed
 * nothing or is finished by the next start. Throws a `StartError`, and then nothing was changed.
 */
export async function restore({ directory, file, force, at }: RestoreOptions): Promise<Restored> {
  await requireBackup(file, directory);
  await requireClosed(file);
  using _lock = await lockDirectory(directory, "task");
  const earlier = await finishRestore(directory);
  const there = await dataIn(directory);
  if (earlier !== undefined && !force) {
    const advice = `add --force to put that aside and restore ${file}`;
    throw new StartError(`A restore of ${directory} that had been interrupted is finished now; ${advice}`);
  }
  if (there.length > 0 && !force) {
    const advice = "add --force to put them aside, or name another DATA_DIR";
    throw new StartError(`Cannot restore into ${directory}: expected no data, found ${there.join(", ")}; ${advice}`);
  }
  const held = await stage({ directory, file, at });
  const finished = await finishRestore(directory);
  if (finished === undefined) throw new Error(`expected a restore to finish in ${directory}, found none`);
  return { ...finished, held };
}

/** Among the data it could be in the way of the restore itself. */
async function requireBackup(file: string, directory: string): Promise<void> {
  const refusal = (found: string, cause?: unknown) =>
    new StartError(`Cannot restore from ${file}: ${found}; give a file that deno task backup has made`, { cause });
  const found = await Deno.stat(file).catch((error: unknown) => Promise.reject(refusal(messageOf(error), error)));
  if (!found.isFile) throw refusal("expected a backup, found no regular file");
  if (!await standsIn(directory, directoryOf(await Deno.realPath(file)))) return;
  const advice = "move it elsewhere and restore it from there";
  throw new StartError(`Cannot restore from ${file}: it stands in the data directory ${directory}; ${advice}`);
}

/** A database in use has its last commits in a file beside it: copied without that, it would lose them. */
async function requireClosed(file: string): Promise<void> {
  const log = `${file}-wal`;
  if (!await isThere(log) || (await Deno.stat(log)).size === 0) return;
  const advice = `make one of it: DATA_DIR=${directoryOf(file)} deno task backup FILE`;
  throw new StartError(
    `Cannot restore from ${file}: expected a backup, found a database with a log beside it; ${advice}`,
  );
}

async function stage({ directory, file, at }: Omit<RestoreOptions, "force">): Promise<Holdings> {
  const staged = `${directory}/restoring.db`;
  try {
    await removeDatabase(staged);
    await Deno.copyFile(file, staged);
    const held = requireSound(staged, file);
    await syncPath(staged);
    await Deno.rename(staged, `${directory}/${pendingName(at)}`);
    await syncPath(directory);
    return held;
  } catch (error) {
    await removeDatabase(staged);
    if (error instanceof StartError) throw error;
    if (error instanceof Unsound) {
      const advice = "give a file that deno task backup has made";
      throw new StartError(`Cannot use ${file}: it is no sound backup (${error.message}); ${advice}`, { cause: error });
    }
    const advice = `see that ${directory} has room for it, and try again; nothing was changed`;
    throw new StartError(`Cannot restore from ${file}: ${messageOf(error)}; ${advice}`, { cause: error });
  }
}
