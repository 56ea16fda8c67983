import type { EventStore } from "../../core/ports/event_store.ts";
import type { ReadModels } from "../../core/ports/read_models.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { CdcFeed, type CdcFeedParts } from "./cdc/cdc_feed.ts";
import type { LogLayout } from "./cdc/log_layout.ts";
import { LOG_TIMES, type LogTimes } from "./cdc/log_times.ts";
import { createChangeSource, type ScyllaChangeSource } from "./change_source.ts";
import { DatabaseClock } from "./database_clock.ts";
import type { ServerKind } from "./dialect.ts";
import { createEventStore } from "./event_store.ts";
import type { QueueBounds } from "./feed/dirty_queue.ts";
import { Feed } from "./feed/feed.ts";
import { FEED_TIMES, type FeedTimes } from "./feed/times.ts";
import { LEASE_TIMES, type LeaseTimes } from "./lease.ts";
import { type Leases, startLeases } from "./leases.ts";
import { createTableOf, MIGRATIONS } from "./migrations.ts";
import { LAYOUT, type Layout } from "./partitions.ts";
import { createProgress, type ScyllaProgress } from "./progress.ts";
import { createReadModels } from "./read_models.ts";
import type { CqlSession } from "./session.ts";
import { createStreamReader } from "./stream_reader.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import { openTestSession, type TestSession, uniqueName } from "./test_storage.ts";

/** A store in a keyspace of its own, and any number of copies of the service that work on it. */
export type TestCluster = AsyncDisposable & {
  readonly session: CqlSession;
  readonly keyspace: string;
  readonly kind: ServerKind;
  /** Of its leases. */
  readonly scope: string;
  copy(options?: CopyOptions): Promise<TestCopy>;
};

export type CopyOptions = {
  readonly session?: CqlSession;
  readonly runtime?: Runtime;
  readonly times?: Partial<FeedTimes>;
  readonly leaseTimes?: Partial<LeaseTimes>;
  readonly layout?: Layout;
  readonly queue?: QueueBounds;
  readonly claim?: boolean;
  /** How far this copy's idea of the database's time is ahead. */
  readonly aheadMs?: () => number;
  /** Whether its appends tell its own feed. */
  readonly rings?: boolean;
  /** The log that it reads besides. */
  readonly changeLog?: LogLayout;
  readonly logTimes?: Partial<LogTimes>;
  /** How far the clock of those who read the log is ahead. */
  readonly logAheadMs?: number;
};

export type TestCopy = AsyncDisposable & {
  readonly copyId: string;
  readonly store: EventStore;
  readonly source: ScyllaChangeSource;
  readonly readModels: ReadModels;
  readonly progress: ScyllaProgress;
  readonly leases: Leases;
  readonly cdc: CdcFeed | undefined;
  readonly clock: { nowMs(): number };
  readonly log: ReturnType<typeof keptLog>;
  /** Resolves once this copy has so many slices. */
  owns(slices: number): Promise<void>;
  /** Ends it without a word, as a kill does. */
  kill(): Promise<void>;
};

/** Quick, and yet patient enough for a busy machine. */
export const QUICK_TIMES: Partial<FeedTimes> = { busyPollMs: 20, idlePollMs: 50 };
const QUICK_LEASES: Partial<LeaseTimes> = { lookEveryMs: 50 };
const TABLES = ["event_store", "outbox_messages", "projection_offsets", "dead_letter_queue"];

/** The keyspace is made once for a file and emptied for each case: what one leaves behind would be another's work. */
export function testCluster(): { open(): Promise<TestCluster>; close(): Promise<void> } {
  let test: Promise<TestSession> | undefined;
  return {
    async open() {
      test ??= openTestSession({ fresh: true });
      const opened = await test;
      await Promise.all(TABLES.map((table) => opened.session.define(`TRUNCATE ${table}`)));
      const scope = uniqueName("feed");
      const copies = new Set<TestCopy>();
      return {
        ...{ session: opened.session, keyspace: opened.keyspace, kind: opened.kind, scope },
        async copy(options = {}) {
          const copy = await openCopy(opened, scope, options);
          copies.add(copy);
          return copy;
        },
        async [Symbol.asyncDispose]() {
          for (const copy of copies) await copy[Symbol.asyncDispose]();
        },
      };
    },
    async close() {
      await (await test)?.[Symbol.asyncDispose]();
    },
  };
}

async function openCopy(test: TestSession, scope: string, options: CopyOptions): Promise<TestCopy> {
  const { session = test.session, runtime = test.runtime, layout = LAYOUT, rings = true, claim = true } = options;
  const { aheadMs = () => 0 } = options;
  const copyId = runtime.newId();
  const log = keptLog();
  const branch = openBranch({ runtime, log });
  const databaseClock = await DatabaseClock.start(session, runtime);
  const clock = { nowMs: () => databaseClock.nowMs() + aheadMs() };
  const leases = startLeases({
    ...{ session, runtime, log, branch, copyId, claim, scope, slices: layout.slices },
    times: { ...LEASE_TIMES, ...QUICK_LEASES, ...options.leaseTimes },
  });
  const times = { ...FEED_TIMES, ...QUICK_TIMES, ...options.times };
  const reader = createStreamReader(session, layout);
  const common = { session, reader, runtime, clock, times, slices: layout.slices };
  const cdc = cdcFeedOf(options, { session, runtime, log, branch, clock, slices: layout.slices });
  const feed = new Feed({
    ...common,
    leases,
    log,
    branch,
    cdc,
    ...options.queue === undefined ? {} : { queue: options.queue },
  });
  const source = createChangeSource({ ...common, feed });
  const progress = createProgress({ session, runtime, slices: layout.slices, leases, feed });
  const readModels = createReadModels({
    ...{ session, progress },
    createTable: createTableOf({ ...test, session: test.session, migrations: MIGRATIONS }),
  });
  const store = createEventStore({ session, runtime, clock: databaseClock, layout });
  return {
    ...{ copyId, source, readModels, progress, leases, cdc, clock, log },
    store: rings ? ringing(store, source) : store,
    async owns(slices) {
      while (leases.owned().length !== slices) await nextChange(leases);
    },
    async kill() {
      await feed.stop();
      await leases.abandon();
    },
    async [Symbol.asyncDispose]() {
      await feed.stop();
      await leases.stop();
    },
  };
}

function cdcFeedOf(
  { changeLog, logTimes, logAheadMs = 0 }: CopyOptions,
  parts: Omit<CdcFeedParts, "layout" | "times">,
): CdcFeed | undefined {
  if (changeLog === undefined) return undefined;
  const clock = { nowMs: () => parts.clock.nowMs() + logAheadMs };
  return new CdcFeed({ ...parts, clock, layout: changeLog, times: { ...LOG_TIMES, ...logTimes } });
}

function ringing(store: EventStore, source: ScyllaChangeSource): EventStore {
  return {
    ...store,
    async append(stream, options) {
      const outcome = await store.append(stream, options);
      if (outcome === "applied") source.ring(stream);
      return outcome;
    },
  };
}

function nextChange(leases: Leases): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = leases.onChange(resolve);
  return promise.finally(end);
}
