import { StartError } from "../../core/ports/plugin.ts";
import { directoryOf, isThere, syncPath } from "./durable_files.ts";
import { messageOf } from "./sqlite_error.ts";

type NewFile = {
  /** What it is made for, as in `Cannot ${doing} FILE`. */
  readonly doing: "back up to" | "export to";
  /** The data directory, if there is one: a file in it could be taken for data by its name. */
  readonly outside: string | undefined;
};

/** Throws a `StartError` where a file cannot be made under the name: it is taken, or stands in the data directory. */
export async function requireNew(file: string, { doing, outside }: NewFile): Promise<void> {
  try {
    if (await isThere(file)) throw taken(file, doing);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`Cannot ${doing} ${file}: ${messageOf(error)}; name another one`, { cause: error });
  }
  if (outside === undefined || !await standsIn(outside, directoryOf(file))) return;
  throw new StartError(`Cannot ${doing} ${file}: ${outside} is the data directory; name a file elsewhere`);
}

/** Whether both are one directory, by whatever names; not where one of them is not there. */
export async function standsIn(directory: string, place: string): Promise<boolean> {
  const real = (path: string) => Deno.realPath(path).catch(() => undefined);
  const found = await real(place);
  return found !== undefined && found === await real(directory);
}

/**
 * Gives a whole and durable file its name, durably, unless there is another one of that name: a `StartError`. For a
 * moment that name is an empty file's, which holds it against others; killed just then, it stays.
 */
export async function giveName(partial: string, file: string, doing: NewFile["doing"]): Promise<void> {
  await claim(file, doing);
  try {
    await Deno.rename(partial, file);
  } catch (error) {
    await Deno.remove(file);
    throw error;
  }
  await syncPath(directoryOf(file));
}

async function claim(file: string, doing: NewFile["doing"]): Promise<void> {
  try {
    (await Deno.open(file, { createNew: true, write: true })).close();
  } catch (error) {
    throw error instanceof Deno.errors.AlreadyExists ? taken(file, doing) : error;
  }
}

function taken(file: string, doing: NewFile["doing"]): StartError {
  return new StartError(`Cannot ${doing} ${file}: there is such a file already; name another one`);
}
