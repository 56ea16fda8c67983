import { cacheDirectory } from "./cache.ts";
import { shell } from "./shell.ts";

/** By this argument of its `java` a server is known as the one of the directory. */
export function argumentOf(directory: string): string {
  return `-Dannals.server=${directory}`;
}

/** Shell: whether the process `$2` is the server of the directory `$1`, so that no other one with its pid is ended. */
export const IS_SERVER_OF = `is_server_of() {
  { cat "/proc/$2/cmdline" || ps -o command= -p "$2"; } 2>/dev/null | tr '\\0' ' ' |
    grep -qF -- "${argumentOf("$1")} "
}`;
const END_SERVER = `${IS_SERVER_OF}
is_server_of "$0" "$1" || exit 0
kill -KILL "$1"
for _ in $(seq 100); do is_server_of "$0" "$1" || exit 0; sleep 0.1; done
exit 1`;

/** A server's directory, claimed for as long as this process lives. */
export type ServerDirectory = AsyncDisposable & { readonly path: string };

/**
 * Claims `given`, which is kept, or a new directory in `folder` of the user's cache, which is removed when disposed.
 * What runs were killed over is put in order first: a server that such a run left is ended, and its directory in the
 * cache removed.
 */
export async function claimDirectory(
  folder: string,
  { given, cache }: { readonly given?: string | undefined; readonly cache?: string } = {},
): Promise<ServerDirectory> {
  return given === undefined ? await claimNew(`${cache ?? await cacheDirectory()}/${folder}`) : await claimGiven(given);
}

async function claimGiven(given: string): Promise<ServerDirectory> {
  await Deno.mkdir(given, { recursive: true });
  const path = await Deno.realPath(given);
  const claim = await tryClaim(path);
  if (claim === undefined) {
    throw new Error(`expected ${path} to be free, found a server running there; end it or name another directory`);
  }
  await endServerOf(path);
  return { path, [Symbol.asyncDispose]: async () => claim.close() };
}

async function claimNew(servers: string): Promise<ServerDirectory> {
  await Deno.mkdir(servers, { recursive: true });
  // A directory that another run has made and not yet claimed would look like one left over.
  using lock = await Deno.open(`${servers}.lock`, { create: true, write: true });
  await lock.lock(true);
  await removeLeftovers(servers);
  const path = await Deno.makeTempDir({ dir: servers, prefix: "server-" });
  const claim = await tryClaim(path);
  if (claim === undefined) throw new Error(`expected ${path} to be new, found it claimed`);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
      claim.close();
    },
  };
}

/** Ends the servers and removes the directories of runs that no longer live. */
async function removeLeftovers(servers: string): Promise<void> {
  for await (const { name } of Deno.readDir(servers)) {
    const path = `${servers}/${name}`;
    using claim = await tryClaim(path);
    if (claim === undefined) continue;
    await endServerOf(path);
    await Deno.remove(path, { recursive: true });
    console.error(`Removed what a run that was killed left in ${path}`);
  }
}

/** The lock is the system's, so it goes with the process that holds it. */
async function tryClaim(path: string): Promise<Deno.FsFile | undefined> {
  const file = await Deno.open(`${path}/owner.lock`, { create: true, write: true });
  if (await file.tryLock(true)) return file;
  file.close();
  return undefined;
}

async function endServerOf(path: string): Promise<void> {
  const pid = (await readIfThere(`${path}/server.pid`))?.trim();
  if (pid === undefined || !/^[1-9]\d*$/.test(pid)) return;
  const { code } = await shell(END_SERVER, [path, pid]);
  if (code !== 0) throw new Error(`expected the server ${pid} that a killed run left to end, found it alive; kill it`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
