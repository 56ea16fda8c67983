import type { Log } from "../../../core/ports/telemetry.ts";
import { systemRuntime } from "../../../plugins/runtime/mod.ts";
import { CdcFeed } from "../../../plugins/storage_scylla/cdc/cdc_feed.ts";
import { openDriverSession } from "../../../plugins/storage_scylla/driver_session.ts";
import { LAYOUT } from "../../../plugins/storage_scylla/partitions.ts";
import { writtenLayout } from "../../../tests/cluster/cdc/log_tables.ts";

/** The service's reader of the log, as in a copy that was paused since a moment and now goes on: until it has all. */
const [address = "", keyspace = "", pausedSinceMs = "", expected = ""] = Deno.args;
const silent = () => {};
const warn = (message: string, fields?: unknown) => console.error(message, fields);
const log: Log = { debug: silent, info: silent, warn, error: warn };

const session = await openDriverSession({ contactPoints: [address], homeDc: "datacenter1", keyspace });
let isPaused = true;
const clock = { nowMs: () => isPaused ? Number(pausedSinceMs) : Date.now() };
const layout = writtenLayout(keyspace, "tablets");
const feed = new CdcFeed({ session, runtime: systemRuntime, log, clock, layout, slices: LAYOUT.slices });

const all = Promise.withResolvers<void>();
let events = 0;
feed.start((told) => {
  events += told.events.length;
  if (events >= Number(expected)) all.resolve();
});
const sinceMs = performance.now();
feed.follow(Array.from({ length: LAYOUT.slices }, (_, slice) => slice));
isPaused = false;
await all.promise;
console.log(`read all in ${Math.round(performance.now() - sinceMs)} ms`);
await feed.stop();
await session.close();
