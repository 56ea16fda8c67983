import { DatabaseSync } from "node:sqlite";
import type { Stream } from "../../core/ports/event_store.ts";
import { openStorage, type StorageOptions } from "./storage.ts";
import { keptLog, openBranch, realRuntime } from "../../tests/contract/surroundings.ts";

/** What a storage needs, with a clock that stands still. */
export function testOptions(): StorageOptions {
  const log = keptLog();
  return { log, runtime: { monotonicMs: () => 0 }, branch: openBranch({ runtime: realRuntime, log }) };
}

/** A storage in a directory of its own under the project's data directory, removed when disposed. */
export async function openTemporary(options: Partial<StorageOptions> = {}) {
  const directory = await temporaryDirectory();
  const storage = await openStorage(directory.path, { ...testOptions(), ...options });
  return {
    ...storage,
    directory: directory.path,
    damage: (stream: Stream) => damageSnapshot(`${directory.path}/events.db`, stream),
    async [Symbol.asyncDispose]() {
      await storage.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

export async function temporaryDirectory() {
  await Deno.mkdir("data", { recursive: true });
  const path = await Deno.makeTempDir({ dir: "data", prefix: "test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function damageSnapshot(path: string, { aggregateId }: Stream): Promise<void> {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  db.prepare("update snapshots set content = substr(content, 1, 3) where aggregate_id = ?").run(aggregateId);
  db.close();
  return Promise.resolve();
}
