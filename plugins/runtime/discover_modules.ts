import { createHash } from "node:crypto";
import { z } from "zod";
import type { FoundModule } from "../../core/engine/registry.ts";
import type { Module } from "annals";
import { StartError } from "../../core/ports/plugin.ts";

/**
 * Imports `mod.ts` of each folder in a directory, in the order of their names. The fingerprint is a hash of
 * every source and JSON file in the folder and below but tests: while it stays, so does what the module folds, as long
 * as the engine and the libraries it may import do. Throws a `StartError` for a module that cannot be imported or does
 * not export one.
 */
export async function discoverModules(directory: URL): Promise<readonly FoundModule[]> {
  const names = (await listDirectory(directory)).filter((entry) => entry.isDirectory).map((entry) => entry.name);
  return await Promise.all(names.sort().map((name) => load(new URL(`${name}/`, directory))));
}

/** Where the modules are: `MODULES_DIR`, or the project's own. Throws a `StartError` when that names nothing. */
export function modulesDirectory({ MODULES_DIR: given }: Readonly<Record<string, string>>): URL {
  if (given === undefined) return new URL("../../modules/", import.meta.url);
  if (given === "") {
    throw new StartError("Cannot use MODULES_DIR: expected a directory, found nothing; name one or unset it");
  }
  return new URL(`${given.replace(/\/*$/, "")}/`, `file://${Deno.cwd()}/`);
}

const moduleShape = z.object({
  name: z.string(),
  path: z.string(),
  id: z.enum(["uuid", "text"]),
  commands: z.record(z.string(), z.unknown()),
  events: z.record(z.string(), z.unknown()),
  rejections: z.record(z.string(), z.string()),
  state: z.unknown(),
  creates: z.array(z.string()),
  decider: z.looseObject({ initialState: z.unknown() }),
});

async function load(folder: URL): Promise<FoundModule> {
  const location = `${folder.pathname.split("/").at(-2)}/mod.ts`;
  const url = new URL("mod.ts", folder);
  let exports: { readonly default?: unknown };
  try {
    exports = await import(url.href);
  } catch (error) {
    throw new StartError(`Cannot import the module ${location}: ${firstLine(error)}`, { cause: error });
  }
  if (!isModule(exports.default)) {
    throw new StartError(`Cannot serve the module ${location}: its default export is not what defineModule returns`);
  }
  return { module: exports.default, location, fingerprint: await fingerprint(folder) };
}

function isModule(value: unknown): value is Module {
  return moduleShape.safeParse(value).success;
}

async function fingerprint(folder: URL): Promise<string> {
  const hash = createHash("sha256");
  for (const path of (await sourcesBelow(folder)).sort()) {
    const content = await Deno.readFile(new URL(encodeURI(path), folder));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("base64url");
}

/** Paths relative to the folder. */
async function sourcesBelow(folder: URL, below = ""): Promise<string[]> {
  const entries = await listDirectory(new URL(encodeURI(below), folder));
  const found = await Promise.all(entries.map(async ({ name, isDirectory }) => {
    if (isDirectory) return await sourcesBelow(folder, `${below}${name}/`);
    return /\.(ts|json)$/.test(name) && !/_test\.ts$/.test(name) ? [`${below}${name}`] : [];
  }));
  return found.flat();
}

async function listDirectory(directory: URL): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(directory));
  } catch (error) {
    const place = `${directory.pathname}, where MODULES_DIR has them`;
    throw new StartError(`Cannot read the modules in ${place}: ${firstLine(error)}`, { cause: error });
  }
}

function firstLine(error: unknown): string {
  return String(error).split("\n", 1)[0] ?? "";
}
