import { parseArgs } from "node:util";
import { StartError } from "../core/ports/plugin.ts";
import { restore } from "../plugins/storage_sqlite/restore.ts";
import { endWith } from "./ending.ts";
import { counts } from "./transfer/counts.ts";

/**
 * Makes the backup that is named the events of `DATA_DIR`, while no service is using it; `--force` puts what is there
 * aside.
 */
await endWith(async () => {
  const { positionals: [file, ...more], values: { force } } = parseArgs({
    allowPositionals: true,
    options: { force: { type: "boolean", default: false } },
  });
  if (file === undefined || more.length > 0) {
    throw new StartError("Cannot restore: expected deno task restore FILE, and perhaps --force");
  }
  const directory = Deno.env.get("DATA_DIR") ?? "data";
  const { held, aside } = await restore({ directory, file, force, at: new Date().toISOString() });
  if (aside !== undefined) console.log(`What was there is in ${aside}.`);
  console.log(`${directory} has ${counts(held)}; start the service.`);
});
