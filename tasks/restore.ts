import { parseArgs } from "node:util";
import { restore } from "../plugins/storage_sqlite/restore.ts";
import { dataDirectory, onlyFile } from "./arguments.ts";
import { endWith } from "./ending.ts";
import { counts } from "./transfer/counts.ts";

/**
 * Makes the backup that is named the events of `DATA_DIR`, while no service is using it; `--force` puts what is there
 * aside.
 */
await endWith(async () => {
  const { positionals, values: { force } } = parseArgs({
    allowPositionals: true,
    options: { force: { type: "boolean", default: false } },
  });
  const file = onlyFile(positionals, "Cannot restore: expected deno task restore FILE, and perhaps --force");
  const directory = dataDirectory(Deno.env.get("DATA_DIR"));
  const { held, aside } = await restore({ directory, file, force, at: new Date().toISOString() });
  if (aside !== undefined) console.log(`What was there is in ${aside}.`);
  console.log(`${directory} has ${counts(held)}; start the service.`);
});
