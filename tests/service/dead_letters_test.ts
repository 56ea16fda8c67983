import storageSqlite from "../../plugins/storage_sqlite/mod.ts";
import { deadLetterContract } from "../contract/dead_letters.ts";

deadLetterContract("storage_sqlite", async () => {
  const DATA_DIR = await Deno.makeTempDir();
  return {
    storage: storageSqlite,
    environment: { DATA_DIR },
    [Symbol.asyncDispose]: () => Deno.remove(DATA_DIR, { recursive: true }),
  };
});
