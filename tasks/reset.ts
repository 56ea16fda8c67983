import { parseArgs } from "node:util";
import { StartError } from "../core/ports/plugin.ts";
import { dataDirectory } from "./arguments.ts";
import { endWith } from "./ending.ts";

/** Empties the data directory, after asking unless `--yes` is given; refuses while a service is using it. */
await endWith(async () => {
  const { values: { yes } } = parseArgs({ options: { yes: { type: "boolean", default: false } } });
  const directory = dataDirectory(Deno.env.get("DATA_DIR"));
  await empty(directory, { asking: !yes }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`Cannot empty ${directory}: ${reason}; name another DATA_DIR`, { cause: error });
  });
});

async function empty(directory: string, { asking }: { readonly asking: boolean }): Promise<void> {
  if (!await exists(directory)) finish(`Nothing to do: ${directory} does not exist.`, 0);
  using lock = await Deno.open(`${directory}/lock`, { create: true, write: true });
  if (!await lock.tryLock(true)) finish(`A service is running on ${directory}: stop it first.`, 2);
  const entries = await Array.fromAsync(Deno.readDir(directory));
  const names = entries.map(({ name }) => name).filter((name) => name !== "lock").sort();
  if (names.length === 0) finish(`Nothing to do: ${directory} is empty.`, 0);
  console.log(`This deletes every event and read model in ${directory}: ${names.join(", ")}`);
  if (asking && !confirm("Delete them?")) finish("Nothing was deleted.", 1);
  for (const name of names) await Deno.remove(`${directory}/${name}`, { recursive: true });
  console.log(`${directory} is empty.`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function finish(message: string, code: number): never {
  console.log(message);
  Deno.exit(code);
}
