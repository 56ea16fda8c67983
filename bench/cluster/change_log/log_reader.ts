import type { Log } from "../../../core/ports/telemetry.ts";
import { systemRuntime } from "../../../plugins/runtime/mod.ts";
import { CdcFeed } from "../../../plugins/storage_scylla/cdc/cdc_feed.ts";
import { databaseConfig, openDatabase } from "../../../plugins/storage_scylla/database.ts";
import { openBranch } from "../../../tests/contract/surroundings.ts";
import { layoutOf } from "./log.ts";

/** The service's reader of the log, as in a copy that was paused since a moment and now goes on: until it has all. */
const [address = "", keyspace = "", pausedSinceMs = "", expected = ""] = Deno.args;
const silent = () => {};
const warn = (message: string, fields?: unknown) => console.error(message, fields);
const log: Log = { debug: silent, info: silent, warn, error: warn };

const config = databaseConfig.parse({ SCYLLA_NODES: address, SCYLLA_KEYSPACE: keyspace });
const database = await openDatabase(config, { runtime: systemRuntime });
const { session, layout: { slices } } = database;
let isPaused = true;
const clock = { nowMs: () => isPaused ? Number(pausedSinceMs) : Date.now() };
const layout = layoutOf(database, keyspace);
const branch = openBranch({ runtime: systemRuntime, log });
const feed = new CdcFeed({ session, runtime: systemRuntime, log, branch, clock, layout, slices });

const all = Promise.withResolvers<void>();
let events = 0;
feed.start((told) => {
  events += told.events.length;
  if (events >= Number(expected)) all.resolve();
});
const sinceMs = performance.now();
feed.follow(Array.from({ length: slices }, (_, slice) => slice));
isPaused = false;
await all.promise;
console.log(`read all in ${Math.round(performance.now() - sinceMs)} ms`);
await feed.stop();
await session.close();
