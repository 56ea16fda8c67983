import { StartError } from "../../core/ports/plugin.ts";
import { syncPath } from "./durable_files.ts";
import { messageOf } from "./sqlite_error.ts";

/** Names of what a data directory holds: the events and what is made from them, with SQLite's files beside them. */
const DATA = /^(events|views)\.db/;
const PENDING = /^restored-([0-9A-Z]+)\.db$/;

/** What a file is called from which the data directory is to be restored, once it is whole and durable there. */
export function pendingName(at: string): string {
  return `restored-${at.replace(/[^0-9A-Z]/g, "")}.db`;
}

export async function dataIn(directory: string): Promise<string[]> {
  return (await namesIn(directory)).filter((name) => DATA.test(name));
}

/** The file of events, for whoever only reads beside the service. Throws a `StartError` where there is none to read. */
export async function eventsIn(directory: string): Promise<string> {
  const names = await namesIn(directory).catch((error: unknown): string[] => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new StartError(`Cannot read ${directory}: ${messageOf(error)}; name another DATA_DIR`, { cause: error });
  });
  if (names.some((name) => PENDING.test(name))) {
    throw new StartError(`A restore of ${directory} was interrupted: start the service to finish it, then try again`);
  }
  if (names.includes("events.db")) return `${directory}/events.db`;
  throw new StartError(`Cannot read ${directory}: expected an events.db in it, found none; name another DATA_DIR`);
}

/** Where it was put, and where that which it replaces was put, if there was any. */
export type Finished = { readonly events: string; readonly aside: string | undefined };

/**
 * Puts a file that stands under its pending name in the place of the events, and what is there aside, views too. Every
 * step may be the last before a kill: whoever uses the directory next goes on with it before anything else. Undefined
 * when nothing is pending. Throws a `StartError`.
 */
export async function finishRestore(directory: string): Promise<Finished | undefined> {
  const pending = (await namesIn(directory)).find((name) => PENDING.test(name));
  if (pending === undefined) return undefined;
  try {
    const aside = `${directory}/${pending.replace(PENDING, "replaced-$1")}`;
    const old = await dataIn(directory);
    if (old.length > 0) await Deno.mkdir(aside, { recursive: true });
    for (const name of old) await Deno.rename(`${directory}/${name}`, `${aside}/${name}`);
    const isKept = (await namesIn(directory)).includes(aside.slice(directory.length + 1));
    if (isKept) await syncPath(aside);
    await syncPath(directory);
    const events = `${directory}/events.db`;
    await Deno.rename(`${directory}/${pending}`, events);
    await syncPath(directory);
    return { events, aside: isKept ? aside : undefined };
  } catch (error) {
    const advice = "make the directory writable and try again, it goes on where it was";
    throw new StartError(`Cannot finish the restore of ${directory}: ${messageOf(error)}; ${advice}`, { cause: error });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}
