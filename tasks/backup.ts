import { parseArgs } from "node:util";
import { StartError } from "../core/ports/plugin.ts";
import { stopSignal } from "../plugins/runtime/stop_signal.ts";
import { backUp } from "../plugins/storage_sqlite/backup.ts";
import { dataDirectory, onlyFile } from "./arguments.ts";
import { endWith } from "./ending.ts";
import { counts } from "./transfer/counts.ts";

/** Copies the events of `DATA_DIR` into the file that is named, while a service is using them or not. */
const signal = stopSignal(new StartError("Stopped before the end"));

await endWith(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const file = onlyFile(positionals, "Cannot back up: expected deno task backup FILE");
  const directory = dataDirectory(Deno.env.get("DATA_DIR"));
  const { lastTimestamp, ...held } = await backUp({ directory, file, signal });
  const until = lastTimestamp === null ? "" : `, the last of ${lastTimestamp}`;
  console.log(`${file} has ${counts(held)}${until}.`);
});
