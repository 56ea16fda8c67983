import { sourceFrom } from "../../core/engine/log_source.ts";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import type { EventStore } from "../../core/ports/event_store.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { Write } from "../../core/ports/progress.ts";
import type { ReadModels } from "../../core/ports/read_models.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Snapshots } from "../../core/ports/snapshots.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import type { Branch } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { createChangeLog } from "./change_log.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { createEventStore } from "./event_store.ts";
import { Files } from "./files.ts";
import type { User } from "./lock.ts";
import { createReadModels } from "./read_models.ts";
import { createSnapshots } from "./snapshots.ts";
import { createStreamList } from "./stream_list.ts";
import { Tail, type TailBounds } from "./tail.ts";

export type StorageOptions = {
  readonly log: Log;
  readonly runtime: Pick<Runtime, "monotonicMs">;
  readonly branch: Branch;
  /** How much of what was committed last is kept in memory for readers that keep up. */
  readonly tail?: TailBounds;
  readonly startWorker?: (file: "events" | "views") => Worker;
  /** Whom a refusal of the directory advises; a service when left out. */
  readonly user?: User;
};

export type Storage = {
  readonly store: EventStore;
  readonly log: ChangeLog;
  readonly source: ChangeSource;
  readonly readModels: ReadModels;
  readonly snapshots: Snapshots;
  readonly checkpoints: CheckpointStore;
  readonly streamList: StreamList;
  readonly health: () => Health;
  readonly close: () => Promise<void>;
};

const TAIL: TailBounds = { events: 8_192, bytes: 16_000_000 };

/**
 * Opens a data directory: `events.db`, the truth, and `views.db`, which is made from it. Throws a `StartError` when
 * another process uses it or a file cannot be used as it is.
 */
export async function openStorage(directory: string, options: StorageOptions): Promise<Storage> {
  const { log, runtime, branch, tail: bounds = TAIL, startWorker = startStorageWorker, user = "service" } = options;
  const { files, head } = await Files.open(directory, { log, runtime, branch, startWorker, user });
  const tail = new Tail(head, bounds);
  files.events.feed(tail);
  const events = { writer: files.events, reader: () => files.eventsReader(), tail };
  const changeLog = createChangeLog(events);
  const positionOf = (write: Write) => files.eventsReader().positionOf(write);
  return {
    store: createEventStore(events),
    log: changeLog,
    source: sourceFrom(changeLog),
    snapshots: createSnapshots(events),
    readModels: createReadModels({
      writer: files.views,
      reader: () => files.viewsReader(),
      eventIdAt: (position) => tail.eventIdAt(position) ?? files.eventsReader().eventIdAt(position),
      positionOf,
    }),
    checkpoints: createCheckpoints({
      writer: files.events,
      reader: () => files.eventsReader().progress,
      positionOf,
    }),
    streamList: createStreamList(() => files.eventsReader()),
    health() {
      const { loss, trouble } = files;
      if (loss !== undefined) return { status: "fail", reason: loss };
      // A warning and no failure: reads go on, and only the next command can find out that the disk has recovered.
      return trouble === undefined ? { status: "pass" } : { status: "warn", reason: trouble };
    },
    close: () => files.close(),
  };
}

export function startStorageWorker(file: "events" | "views"): Worker {
  const url = file === "events"
    ? new URL("./events_worker.ts", import.meta.url)
    : new URL("./views_worker.ts", import.meta.url);
  return new Worker(url, { type: "module", name: `storage_sqlite ${file}` });
}
