import type { ChangeSource } from "../../core/ports/change_source.ts";
import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import type { EventStore } from "../../core/ports/event_store.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { ReadModels } from "../../core/ports/read_models.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Snapshots } from "../../core/ports/snapshots.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { createChangeSource } from "./change_source.ts";
import type { Database } from "./database.ts";
import { DatabaseWatch } from "./database_watch.ts";
import { createEventStore } from "./event_store.ts";
import { Feed } from "./feed/feed.ts";
import { FEED_TIMES } from "./feed/times.ts";
import { startLeases } from "./leases.ts";
import { createProgress } from "./progress.ts";
import { createReadModels } from "./read_models.ts";
import { createSnapshots } from "./snapshots.ts";
import { createStreamList } from "./stream_list.ts";
import { createStreamReader } from "./stream_reader.ts";

export type Storage = {
  readonly store: EventStore;
  readonly source: ChangeSource;
  readonly readModels: ReadModels;
  readonly snapshots: Snapshots;
  readonly checkpoints: CheckpointStore;
  readonly streamList: StreamList;
  readonly health: () => Health;
  readonly close: () => Promise<void>;
};

export type StorageOptions = Database & {
  /** Whether this copy takes a share of the slices. */
  readonly streams: boolean;
  readonly runtime: Runtime;
  readonly log: Log;
};

/** The storage of one copy, over a database that is ready; closing it closes the database's session. */
export async function openStorage(
  { session, layout, createTable, streams, runtime, log }: StorageOptions,
): Promise<Storage> {
  const watch = await DatabaseWatch.start({ session, runtime, log });
  const { clock } = watch;
  const { slices } = layout;
  const copyId = runtime.newId();
  const leases = startLeases({ session, runtime, log, copyId, claim: streams, slices });
  const reader = createStreamReader(session, layout);
  const parts = { session, reader, runtime, clock, slices, times: FEED_TIMES };
  const feed = new Feed({ ...parts, leases, log });
  const source = createChangeSource({ ...parts, feed });
  const progress = createProgress({ session, runtime, slices, leases, feed });
  log.info("This copy works on the cluster store", { copy: copyId, streams });
  return {
    store: createEventStore({ session, runtime, clock, layout, onCommit: source.ring }),
    source,
    readModels: createReadModels({ session, progress, createTable }),
    snapshots: createSnapshots(session),
    checkpoints: { progress: progress.port, check: progress.check, commit: progress.move },
    streamList: createStreamList(session),
    health: () => watch.health(),
    async close() {
      await feed.stop();
      await leases.stop();
      await watch.stop();
      await session.close();
    },
  };
}
