import { z } from "zod";
import { changeLogRef } from "../../core/ports/change_log.ts";
import { changeSourceRef } from "../../core/ports/change_source.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { readModelsRef } from "../../core/ports/read_models.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { snapshotsRef } from "../../core/ports/snapshots.ts";
import { streamListRef } from "../../core/ports/stream_list.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { logRef } from "../../core/ports/telemetry.ts";
import type { User } from "./lock.ts";
import { openStorage } from "./storage.ts";

/**
 * The embedded store: SQLite files in `DATA_DIR`, which one process at a time can use. What is acknowledged survives a
 * loss of power; read models are made from the events and may be deleted while the service is stopped.
 */
export default storageOf("service");

/** The same for a task that works on the directory of a service, which has to be stopped before. */
export const storageOfTask = storageOf("task");

function storageOf(user: User) {
  return definePlugin({
    name: "storage_sqlite",
    provides: {
      eventStore: eventStoreRef,
      changeLog: changeLogRef,
      changeSource: changeSourceRef,
      readModels: readModelsRef,
      snapshots: snapshotsRef,
      checkpoints: checkpointStoreRef,
      streamList: streamListRef,
    },
    requires: { log: logRef, runtime: runtimeRef, supervision: supervisionRef },
    config: z.object({ DATA_DIR: z.string().min(1, "expected a directory, found nothing").default("./data") }),
    async start({ services: { supervision, ...services }, config }) {
      const branch = supervision.branch("storage_sqlite");
      const storage = await openStorage(config.DATA_DIR, { ...services, branch, user });
      const { store: eventStore, log: changeLog, source: changeSource, health, close, ...others } = storage;
      const { readModels, snapshots, checkpoints, streamList } = others;
      return {
        services: { eventStore, changeLog, changeSource, readModels, snapshots, checkpoints, streamList },
        health,
        stop: close,
      };
    },
  });
}
