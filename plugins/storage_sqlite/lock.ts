import { StartError } from "../../core/ports/plugin.ts";

const SECOND_PROCESS = 2;

/** What to do about another process: a task is about the very directory that a service is using. */
const LOCK_ADVICE = {
  service: "stop that one, or give this one a directory of its own by DATA_DIR",
  task: "stop the service first",
} as const;

export type User = keyof typeof LOCK_ADVICE;

/**
 * Makes this process the only one on a data directory until the lock is disposed or the process ends, however it ends.
 * Throws a `StartError` with exit code 2 when another one is.
 */
export async function lockDirectory(directory: string, user: User): Promise<Disposable> {
  const file = await openLockFile(directory);
  if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
  file.close();
  throw new StartError(
    `Cannot use the data directory ${await shownPath(directory)}: another process uses it; ${LOCK_ADVICE[user]}`,
    { exitCode: SECOND_PROCESS },
  );
}

async function openLockFile(directory: string): Promise<Deno.FsFile> {
  const path = `${directory}/lock`;
  try {
    await Deno.mkdir(directory, { recursive: true });
    return await Deno.open(path, { create: true, write: true });
  } catch (error) {
    // On a read-only disk the file of an earlier run serves as well: locking it needs no writing.
    const file = await Deno.open(path, { read: true }).catch(() => undefined);
    if (file !== undefined) return file;
    const what = `Cannot use the data directory ${directory}`;
    if (error instanceof Deno.errors.NotCapable) {
      const advice = "copy the line of the task and add it to --allow-read and --allow-write, or unset DATA_DIR";
      throw new StartError(`${what}: Deno may not write there, whoever runs it; ${advice}`, { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    const advice = "make the directory writable, or name another one by DATA_DIR";
    throw new StartError(`${what}: expected to make ${path} and lock it, found: ${reason}; ${advice}`, {
      cause: error,
    });
  }
}

function shownPath(directory: string): Promise<string> {
  return Deno.realPath(directory).catch(() => directory);
}
