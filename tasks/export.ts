import { parseArgs } from "node:util";
import { exportLines, type ExportParts, type Reached, reachedIn } from "../core/engine/export.ts";
import { BEGINNING, exportEnd } from "../core/engine/export_format.ts";
import { ExportRefused, linesOf } from "../core/engine/export_lines.ts";
import { Unavailable } from "../core/ports/event_store.ts";
import { StartError } from "../core/ports/plugin.ts";
import { stopSignal } from "../plugins/runtime/stop_signal.ts";
import { giveName, requireNew } from "../plugins/storage_sqlite/new_file.ts";
import { dataDirectory, onlyFile } from "./arguments.ts";
import { endWith } from "./ending.ts";
import { chunksOf, writeLines } from "./transfer/chunks.ts";
import { counts } from "./transfer/counts.ts";
import { openForExport } from "./transfer/event_store.ts";
import { Progress } from "./transfer/progress.ts";

/**
 * Writes every event of the store into the file that is named, beside a service that may be running; configured as the
 * service is. It is `FILE.partial` until it is whole, and one that was broken off goes on from there.
 */
const signal = stopSignal(new StartError("Stopped before the end: export again to go on"));

await endWith(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const file = onlyFile(positionals, "Cannot export: expected deno task export FILE");
  const environment = Deno.env.toObject();
  const outside = environment.SCYLLA_NODES === undefined ? dataDirectory(environment.DATA_DIR) : undefined;
  await requireNew(file, { doing: "export to", outside });
  await using opened = await openForExport({ environment, signal });
  const partial = `${file}.partial`;
  const summary = await write(partial, opened);
  await giveName(partial, file, "export to");
  console.log(`${file} has ${summary}.`);
});

/** What the file has, once it is whole and durable. */
async function write(partial: string, parts: ExportParts): Promise<string> {
  using output = await openPartial(partial);
  try {
    const reached = await reachedOf(output, parts);
    await output.truncate(reached?.bytes ?? 0);
    let last = "";
    const lines = exportLines(parts, { madeAt: new Date().toISOString(), reached });
    await writeLines(output, told(lines, (line) => last = line));
    await output.sync();
    return counts(exportEnd.parse(JSON.parse(last)));
  } catch (error) {
    throw advised(error, partial);
  }
}

async function* told(lines: AsyncIterable<string>, each: (line: string) => void): AsyncGenerator<string, void> {
  const progress = new Progress();
  let count = 0;
  for await (const line of lines) {
    signal.throwIfAborted();
    each(line);
    progress.tell("lines written", ++count);
    yield line;
  }
}

function advised(error: unknown, partial: string): unknown {
  if (error instanceof ExportRefused) return new StartError(`Cannot export to ${partial}: ${error.message}`);
  if (error instanceof StartError || error instanceof Unavailable || !(error instanceof Error)) return error;
  const advice = "see that the disk has room and can be written, and export again to go on";
  return new StartError(`Cannot write to ${partial}: ${error.message}; ${advice}`, { cause: error });
}

/** Locked, as two that write the same lines would write over each other's. */
async function openPartial(partial: string): Promise<Deno.FsFile> {
  await requireNoLink(partial);
  const output = await Deno.open(partial, { create: true, read: true, write: true }).catch((error: unknown) => {
    throw new StartError(`Cannot write to ${partial}: ${error}; name a file where one can be written`);
  });
  try {
    if (!await output.tryLock(true)) {
      throw new StartError(`Cannot write to ${partial}: another export does so; wait for it, or name another file`);
    }
    await requireBegun(output, partial);
    return output;
  } catch (error) {
    output.close();
    throw error;
  }
}

/** What it points to is somebody else's. */
async function requireNoLink(partial: string): Promise<void> {
  const there = await Deno.lstat(partial).catch(() => undefined);
  if (there === undefined || there.isFile) return;
  throw new StartError(`Cannot write to ${partial}: expected a file or none, found a link; name another file`);
}

/** What no export has begun would be lost. */
async function requireBegun(output: Deno.FsFile, partial: string): Promise<void> {
  const bytes = new Uint8Array(BEGINNING.length);
  const read = await output.read(bytes) ?? 0;
  const found = new TextDecoder().decode(bytes.subarray(0, read));
  if (BEGINNING.startsWith(found)) return;
  const advice = "move it away, or name another file";
  throw new StartError(`Cannot write to ${partial}: expected an export that was broken off, found another; ${advice}`);
}

async function reachedOf(output: Deno.FsFile, parts: ExportParts): Promise<Reached | undefined> {
  try {
    const reached = await reachedIn(linesOf(chunksOf(output)), parts);
    if (reached === undefined) return undefined;
    console.log(`Going on behind ${counts(reached.sum.end())}`);
    return reached;
  } catch (error) {
    if (!(error instanceof ExportRefused)) throw error;
    throw new ExportRefused(`${error.message}; delete the file to begin anew`);
  }
}
