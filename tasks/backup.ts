import { parseArgs } from "node:util";
import { StartError } from "../core/ports/plugin.ts";
import { backUp } from "../plugins/storage_sqlite/backup.ts";
import { endWith } from "./ending.ts";
import { counts } from "./transfer/counts.ts";

/** Copies the events of `DATA_DIR` into the file that is named, while a service is using them or not. */
await endWith(async () => {
  const { positionals: [file, ...more] } = parseArgs({ allowPositionals: true });
  if (file === undefined || more.length > 0) throw new StartError("Cannot back up: expected deno task backup FILE");
  const { lastTimestamp, ...held } = await backUp(Deno.env.get("DATA_DIR") ?? "data", file);
  const until = lastTimestamp === null ? "" : `, the last of ${lastTimestamp}`;
  console.log(`${file} has ${counts(held)}${until}.`);
});
