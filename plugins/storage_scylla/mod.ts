import { z } from "zod";
import { changeSourceRef } from "../../core/ports/change_source.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { definePlugin, StartError } from "../../core/ports/plugin.ts";
import { readModelsRef } from "../../core/ports/read_models.ts";
import { type Runtime, runtimeRef } from "../../core/ports/runtime.ts";
import { snapshotsRef } from "../../core/ports/snapshots.ts";
import { streamListRef } from "../../core/ports/stream_list.ts";
import { type Log, logRef } from "../../core/ports/telemetry.ts";
import { type Database, type DatabaseConfig, databaseConfig, openDatabase } from "./database.ts";
import { CqlError } from "./session.ts";
import { openStorage } from "./storage.ts";

const AGAIN_MS = 2_000;
const ROLES = ["serve", "stream"] as const;

/**
 * The cluster store: ScyllaDB or Apache Cassandra at `SCYLLA_NODES`, for any number of copies of the service. What is
 * acknowledged is on a quorum of the home data centre. Starts once the database answers, however long that takes.
 */
export default definePlugin({
  name: "storage_scylla",
  startTimeoutMs: Infinity,
  provides: {
    eventStore: eventStoreRef,
    changeSource: changeSourceRef,
    readModels: readModelsRef,
    snapshots: snapshotsRef,
    checkpoints: checkpointStoreRef,
    streamList: streamListRef,
  },
  requires: { log: logRef, runtime: runtimeRef },
  config: databaseConfig.extend({
    /** `serve` alone: this copy takes commands and queries, and leaves the feeding of subscriptions to others. */
    ROLES: z.string().default("serve,stream").transform((text) => text.split(",").map((role) => role.trim())).pipe(
      z.array(z.enum(ROLES)).refine((roles) => roles.includes("serve"), "expected serve, or serve,stream"),
    ),
  }),
  async start({ services, config, signal }) {
    const database = await whenThere(config, { ...services, signal });
    const streams = config.ROLES.includes("stream");
    const storage = await openStorage({ ...database, ...services, streams });
    const { store: eventStore, source: changeSource, health, close, ...others } = storage;
    const { readModels, snapshots, checkpoints, streamList } = others;
    return {
      services: { eventStore, changeSource, readModels, snapshots, checkpoints, streamList },
      health,
      stop: close,
    };
  },
});

type Waiting = { readonly runtime: Runtime; readonly log: Log; readonly signal: AbortSignal };

/** A database that does not answer yet is waited for; what an operator must mend ends the start. */
async function whenThere(config: DatabaseConfig, { runtime, log, signal }: Waiting): Promise<Database> {
  for (let tries = 0;; tries++) {
    try {
      return await openDatabase(config, { runtime });
    } catch (error) {
      if (!isAway(error)) throw error;
      const fields = { nodes: config.SCYLLA_NODES, reason: error.message };
      if (tries === 0) log.warn("The database does not answer; the service starts when it does", fields);
      await runtime.sleep(AGAIN_MS, { signal });
    }
  }
}

function isAway(error: unknown): error is StartError {
  return error instanceof StartError && error.cause instanceof CqlError && error.cause.kind !== "refused";
}
