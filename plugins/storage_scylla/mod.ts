import { z } from "zod";
import { aborted } from "../../core/engine/aborted.ts";
import { lifecycleRef } from "../../core/engine/lifecycle.ts";
import { changeSourceRef } from "../../core/ports/change_source.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { eventStoreRef, Unavailable } from "../../core/ports/event_store.ts";
import { definePlugin, StartError } from "../../core/ports/plugin.ts";
import { type ReadModels, readModelsRef } from "../../core/ports/read_models.ts";
import { type Runtime, runtimeRef } from "../../core/ports/runtime.ts";
import { snapshotsRef } from "../../core/ports/snapshots.ts";
import { streamListRef } from "../../core/ports/stream_list.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { type Log, logRef, telemetryRef } from "../../core/ports/telemetry.ts";
import { type Database, type DatabaseConfig, databaseConfig, openDatabase } from "./database.ts";
import { CqlError } from "./session.ts";
import { openStorage, type Storage, type StorageOptions } from "./storage.ts";

const AGAIN_MS = 2_000;
/** How long a stop that is late still waits for the database: well within the last moment that all plugins share. */
const LAST_ANSWERS_MS = 300;
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
  requires: {
    log: logRef,
    runtime: runtimeRef,
    telemetry: telemetryRef,
    supervision: supervisionRef,
    lifecycle: lifecycleRef,
  },
  config: databaseConfig.extend({
    /** `serve` alone: this copy takes commands and queries, and leaves the feeding of subscriptions to others. */
    ROLES: z.string().default("serve,stream").transform((text) => text.split(",").map((role) => role.trim())).pipe(
      z.array(z.enum(ROLES)).refine((roles) => roles.includes("serve"), "expected serve, or serve,stream"),
    ),
  }),
  async start({ services: { supervision, lifecycle, ...services }, config, signal }) {
    const streams = config.ROLES.includes("stream");
    const branch = supervision.branch("storage_scylla");
    // Tables of views are made when this start is over, and that of the service may be stopped yet.
    const waiting = { ...services, signal: AbortSignal.any([signal, lifecycle.stopping]) };
    const opened = await whenThere(() => open(config, { ...waiting, branch, streams }), waiting);
    const { store: eventStore, source: changeSource, health, close, ...others } = opened;
    const { snapshots, checkpoints, streamList } = others;
    const readModels = preparedInTime(others.readModels, waiting);
    return {
      services: { eventStore, changeSource, readModels, snapshots, checkpoints, streamList },
      health,
      stop: (late) => closeInTime(close, { ...services, late }),
    };
  },
});

type Closing = { readonly runtime: Runtime; readonly log: Log; readonly late: AbortSignal };

/**
 * A database that does not answer keeps nobody from ending: leases run out by themselves, and whoever takes over finds
 * what was left. What is left behind here still closes once it is answered.
 */
async function closeInTime(close: () => Promise<void>, { runtime, log, late }: Closing): Promise<void> {
  const closed = new AbortController();
  const tooLong = aborted(late).then(() => runtime.sleep(LAST_ANSWERS_MS, { signal: closed.signal })).then(
    () => log.warn("The database does not answer: the leases of this copy are left to run out"),
    () => {},
  );
  const closing = close();
  closing.catch(() => {});
  try {
    await Promise.race([closing, tooLong]);
  } finally {
    closed.abort();
  }
}

type OpenOptions = Omit<StorageOptions, keyof Database> & { readonly signal: AbortSignal };

async function open(config: DatabaseConfig, options: OpenOptions): Promise<Storage> {
  const database = await openDatabase(config, options);
  try {
    options.signal.throwIfAborted();
    return await openStorage({ ...database, ...options });
  } catch (error) {
    await database.session.close();
    throw error;
  }
}

type Waiting = { readonly runtime: Runtime; readonly log: Log; readonly signal: AbortSignal };

/** A database that does not answer yet is waited for; what an operator must mend ends the start. */
async function whenThere<T>(start: () => Promise<T>, { runtime, log, signal }: Waiting): Promise<T> {
  for (let tries = 0;; tries++) {
    try {
      return await start();
    } catch (error) {
      if (!isAway(error)) throw error;
      const fields = { reason: error.message };
      if (tries === 0) log.warn("The database does not answer; the service starts when it does", fields);
      await runtime.sleep(AGAIN_MS, { signal });
    }
  }
}

/** To prepare is a part of the start, too; and no server can tell a table for a moment while another copy makes it. */
function preparedInTime(readModels: ReadModels, waiting: Waiting): ReadModels {
  return { ...readModels, prepare: (model) => whenThere(() => readModels.prepare(model), waiting) };
}

function isAway(error: unknown): error is Error {
  const reason = error instanceof StartError ? error.cause : error;
  return reason instanceof Unavailable || (reason instanceof CqlError && reason.kind !== "refused");
}
