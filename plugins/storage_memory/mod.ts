import { z } from "zod";
import { sourceFrom } from "../../core/engine/log_source.ts";
import { changeLogRef } from "../../core/ports/change_log.ts";
import { changeSourceRef } from "../../core/ports/change_source.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { readModelsRef } from "../../core/ports/read_models.ts";
import { snapshotsRef } from "../../core/ports/snapshots.ts";
import { streamListRef } from "../../core/ports/stream_list.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { createEventLog } from "./event_log.ts";
import { createReadModels } from "./read_models.ts";
import { createSnapshots } from "./snapshots.ts";
import { createStreamList } from "./stream_list.ts";

/** Every storage port in the memory of this process, for tests: synchronous inside, nothing outlives it. */
export function createMemoryStorage() {
  const events = createEventLog();
  const snapshotTexts = new Map<string, string>();
  return {
    store: events.store,
    log: events.log,
    source: sourceFrom(events.log),
    readModels: createReadModels(events),
    checkpoints: createCheckpoints(events),
    streamList: createStreamList(events.streams),
    snapshots: createSnapshots(snapshotTexts),
    snapshotTexts,
  };
}

export default definePlugin({
  name: "storage_memory",
  provides: {
    eventStore: eventStoreRef,
    changeLog: changeLogRef,
    changeSource: changeSourceRef,
    readModels: readModelsRef,
    snapshots: snapshotsRef,
    checkpoints: checkpointStoreRef,
    streamList: streamListRef,
  },
  requires: {},
  config: z.object({}),
  start() {
    const { store, log, source, ...others } = createMemoryStorage();
    const { readModels, snapshots, checkpoints, streamList } = others;
    return Promise.resolve({
      services: {
        eventStore: store,
        changeLog: log,
        changeSource: source,
        readModels,
        snapshots,
        checkpoints,
        streamList,
      },
    });
  },
});
