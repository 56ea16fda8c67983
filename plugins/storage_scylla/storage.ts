import type { ChangeSource } from "../../core/ports/change_source.ts";
import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import type { EventStore } from "../../core/ports/event_store.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { ReadModels } from "../../core/ports/read_models.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Snapshots } from "../../core/ports/snapshots.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import type { Branch } from "../../core/ports/supervision.ts";
import type { Log, Telemetry } from "../../core/ports/telemetry.ts";
import { CdcFeed } from "./cdc/cdc_feed.ts";
import { createChangeSource } from "./change_source.ts";
import type { Database } from "./database.ts";
import { DatabaseWatch } from "./database_watch.ts";
import { createEventStore } from "./event_store.ts";
import { Feed } from "./feed/feed.ts";
import { FEED_TIMES, type FeedTimes } from "./feed/times.ts";
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
  readonly telemetry: Telemetry;
  readonly branch: Branch;
  readonly times?: FeedTimes;
};

/** The storage of one copy, over a database that is ready; closing it closes the database's session. */
export async function openStorage(
  { session, layout, changeLog, createTable, streams, runtime, log, telemetry, branch, times = FEED_TIMES }:
    StorageOptions,
): Promise<Storage> {
  const watch = await DatabaseWatch.start({ session, runtime, log, branch });
  const { clock } = watch;
  const { slices } = layout;
  const copyId = runtime.newId();
  const leases = startLeases({ session, runtime, log, branch, copyId, claim: streams, slices });
  const reader = createStreamReader(session, layout);
  const parts = { session, reader, runtime, clock, slices, times };
  const cdc = changeLog === undefined
    ? undefined
    : new CdcFeed({ session, runtime, log, branch, clock, slices, layout: changeLog, observe: delayOf(telemetry) });
  const feed = new Feed({ ...parts, leases, log, branch, cdc, countMissed: missedCounter(telemetry) });
  const source = createChangeSource({ ...parts, feed });
  const progress = createProgress({ session, runtime, slices, leases, feed });
  const changeSource = cdc === undefined ? "outbox" : "cdc";
  log.info("This copy works on the cluster store", { copy: copyId, streams, change_source: changeSource });
  return {
    store: createEventStore({ session, runtime, clock, layout, onCommit: source.ring, onAnnounce: feed.begin }),
    source,
    readModels: createReadModels({ session, progress, createTable }),
    snapshots: createSnapshots(session),
    checkpoints: { progress: progress.port, check: progress.check, commit: progress.move },
    streamList: createStreamList(session),
    health: () => both(watch.health(), cdc?.health() ?? { status: "pass", detail: { change_source: changeSource } }),
    async close() {
      await feed.stop();
      await leases.stop();
      await watch.stop();
      await session.close();
    },
  };
}

function missedCounter(telemetry: Telemetry): (subscription: string, events: number) => void {
  const missed = telemetry.counter({
    name: "feed_missed_events_total",
    help: "Events found by the audit that no feed had shown; expected 0",
    labels: ["subscription"],
  });
  return (subscription, events) => missed.at({ subscription }).add(events);
}

function delayOf(telemetry: Telemetry): (seconds: number) => void {
  const delay = telemetry.histogram({
    name: "cdc_log_delay_seconds",
    help: "From a commit, by the time of its row in the log of changes, to its events being handed on",
    labels: [],
  }).at({});
  return (seconds) => delay.observe(seconds);
}

/** The worse of the two, with both reasons and the detail of the second. */
function both(first: Health, second: Health): Health {
  const { status } = first.status === "fail" || second.status === "pass" ? first : second;
  const reasons = [first, second].flatMap(({ reason }) => reason ?? []);
  const { detail = {} } = second;
  return { status, detail, ...reasons.length === 0 ? {} : { reason: reasons.join("; ") } };
}
