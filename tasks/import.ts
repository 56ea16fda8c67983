import { parseArgs } from "node:util";
import { ExportRefused, linesOf } from "../core/engine/export_lines.ts";
import { type Part, partsOf } from "../core/engine/export_parts.ts";
import { importAll, type ImportStep } from "../core/engine/import.ts";
import { REQUEST_STREAM } from "../core/engine/subscription_orders.ts";
import { Unavailable } from "../core/ports/event_store.ts";
import { StartError } from "../core/ports/plugin.ts";
import { discoverModules, modulesDirectory } from "../plugins/runtime/discover_modules.ts";
import { stopSignal } from "../plugins/runtime/stop_signal.ts";
import { onlyFile } from "./arguments.ts";
import { endWith } from "./ending.ts";
import { chunksOf } from "./transfer/chunks.ts";
import { counts } from "./transfer/counts.ts";
import { openStorage } from "./transfer/event_store.ts";
import { Progress } from "./transfer/progress.ts";

/**
 * Stores the events of the export that is named as they were; configured as the service is. The embedded store is used
 * by one process at a time: stop the service before. On the cluster store it may run.
 */
const signal = stopSignal(new StartError("Stopped before the end"));
let reached: ImportStep = "checked";

await endWith(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const file = onlyFile(positionals, "Cannot import: expected deno task import FILE");
  using input = await Deno.open(file).catch((error: unknown) => {
    throw new StartError(`Cannot import ${file}: ${error}; name a file that deno task export has made`);
  });
  if (!(await input.stat()).isFile) throw new StartError(`Cannot import ${file}: expected a file, found none`);
  const environment = Deno.env.toObject();
  const modules = await discoverModules(modulesDirectory(environment));
  await using opened = await openStorage({ environment, signal });
  const progress = new Progress();
  const types = new Set<string>();
  const parts = () => noting(types, partsOf(linesOf(chunksOf(input))));
  const onProgress = (step: ImportStep, events: number) => {
    signal.throwIfAborted();
    reached = step;
    progress.tell(`events ${step}`, events);
  };
  const importing = importAll({ store: opened.store, parts, onProgress });
  const { imported, ...held } = await importing.catch((error) => Promise.reject(advised(error, file)));
  console.log(`The store has the ${counts(held)} of ${file}, ${imported} of them new.`);
  const unknown = types.difference(
    new Set([REQUEST_STREAM.aggregateType, ...modules.map(({ module }) => module.name)]),
  );
  if (unknown.size === 0) return;
  console.log(
    `No module here is called ${[...unknown].join(", ")}: its events are kept, and served once there is one.`,
  );
});

/** Passes on what comes, and keeps of which types the aggregates are. */
async function* noting(types: Set<string>, parts: AsyncIterable<Part>): AsyncGenerator<Part, void> {
  for await (const part of parts) {
    if (part.is === "aggregate_end") types.add(part.end.aggregate_type);
    yield part;
  }
}

function advised(error: unknown, file: string): unknown {
  const isTold = error instanceof ExportRefused || error instanceof Unavailable || error instanceof StartError;
  if (!isTold) return error;
  const done = reached === "checked"
    ? "nothing was imported"
    : "a part was imported; what is there will be skipped when it is imported again";
  return new StartError(`Cannot import ${file}: ${error.message}; ${done}`, { cause: error });
}
