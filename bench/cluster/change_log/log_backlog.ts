import { databaseConfig, openDatabase } from "../../../plugins/storage_scylla/database.ts";
import { systemRuntime } from "../../../plugins/runtime/mod.ts";
import { Child, V8_FLAGS } from "../../../tasks/child.ts";
import type { Place } from "../copy.ts";
import type { Given } from "../part.ts";
import { startRaw } from "../raw.ts";
import { opening } from "../raw_commits.ts";
import { openLog } from "./log.ts";

/** Rows a second. */
export type LogBacklog = { readonly perSecond: number; readonly rawPerSecond: number };

const IN_FLIGHT = 64;
/** Of a commit of one event: one for the stream's head, and the event's. */
export const ROWS_PER_COMMIT = 2;

/**
 * How fast the service's reader takes what was logged while it could not read, and how fast the bare driver pages
 * through the same table. Each reads all of it, in a new process.
 */
export async function measureLogBacklog({ database, scale, say }: Given): Promise<readonly LogBacklog[]> {
  const opened = await database();
  const place = { address: opened.address, keyspace: await opened.migrated("backlog") };
  const sinceMs = Date.now();
  await writeLog(place, scale.loggedCommits);
  const rows = scale.loggedCommits * ROWS_PER_COMMIT;
  await rawRead(place, rows);
  const found: LogBacklog[] = [];
  for (let round = 1; round <= scale.rounds; round++) {
    const rawPerSecond = await rawRead(place, rows);
    const perSecond = await readerRead(place, { sinceMs, commits: scale.loggedCommits });
    say(`log ${round}: ${Math.round(perSecond)} rows/s, raw paged read ${Math.round(rawPerSecond)}/s`);
    found.push({ perSecond, rawPerSecond });
  }
  return found;
}

/** In this process: nothing is measured meanwhile. */
async function writeLog({ address, keyspace }: Place, commits: number): Promise<void> {
  const config = databaseConfig.parse({ SCYLLA_NODES: address, SCYLLA_KEYSPACE: keyspace });
  const database = await openDatabase(config, { runtime: systemRuntime });
  const log = await openLog(database, keyspace);
  let next = 0;
  const worker = async () => {
    while (next < commits) {
      const stream = { aggregateType: "account", aggregateId: `logged-${next++}` };
      await log(opening(stream, crypto.randomUUID()));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  await database.session.close();
}

async function rawRead({ address, keyspace }: Place, expected: number): Promise<number> {
  await using raw = await startRaw(address, keyspace);
  const { rows, perSecond } = await raw.readLog();
  if (rows !== expected) throw new Error(`expected ${expected} rows in the log, found ${rows}`);
  return perSecond;
}

async function readerRead(
  { address, keyspace }: Place,
  { sinceMs, commits }: { readonly sinceMs: number; readonly commits: number },
): Promise<number> {
  const flags = [...V8_FLAGS, "--no-prompt", "--allow-net", "--allow-env", "--allow-read"];
  const main = "bench/cluster/change_log/log_reader.ts";
  await using reader = await Child.start({
    args: ["run", ...flags, main, address, keyspace, String(sinceMs), String(commits)],
    ready: /read all in (\d+) ms/,
  });
  await reader.exited;
  return commits * ROWS_PER_COMMIT / Number(reader.printed[1]) * 1000;
}
