/** Makes a file's contents durable, or a directory's names. */
export async function syncPath(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true });
  await file.sync();
}

/** The directory in which a file stands, or is to stand. */
export function directoryOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end === -1 ? "." : path.slice(0, Math.max(end, 1));
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a database that nothing has open, with what SQLite keeps beside it; those that are not there are gone. */
export async function removeDatabase(path: string): Promise<void> {
  for (const name of [path, `${path}-journal`, `${path}-wal`, `${path}-shm`]) {
    if (await isThere(name)) await Deno.remove(name);
  }
}
