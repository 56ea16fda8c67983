import { type LogLayout, logLayoutOf } from "../../../plugins/storage_scylla/cdc/log_layout.ts";
import type { LogTimes } from "../../../plugins/storage_scylla/cdc/log_times.ts";
import type { CqlSession } from "../../../plugins/storage_scylla/session.ts";
import {
  type CopyOptions,
  type TestCluster,
  testCluster,
  type TestCopy,
} from "../../../plugins/storage_scylla/test_feed.ts";
import { LAYOUT } from "../../../plugins/storage_scylla/partitions.ts";
import { type Chance, chanceOf } from "../../service/chance.ts";
import { LOG_TABLES, makeLogTables, writtenLayout } from "./log_tables.ts";
import { loggedBy } from "./logged_session.ts";
import { type Fate, LogWriter } from "./log_writer.ts";

/** Small, so that what is later than any of them is not late for a test. */
export const SHORT_TIMES: Partial<LogTimes> = {
  overlapMs: 500,
  overlapEveryMs: 200,
  setsEveryMs: 100,
  keepSetMs: 3_000,
  distrustMs: 1_000,
};

export type LogCluster = TestCluster & {
  readonly layout: LogLayout;
  /** Undefined where the server keeps a log of its own. */
  readonly writer: LogWriter | undefined;
  /** A copy whose writes are logged and that only serves. */
  serving(): Promise<TestCopy>;
  /** A copy that has all slices and finds everything by reading: log and announcements. */
  reading(options?: CopyOptions): Promise<TestCopy>;
};

export type LogClusterOptions = {
  readonly sets?: LogLayout["sets"];
  readonly streams?: number;
  readonly chance?: Chance;
  readonly fateOf?: (chance: Chance) => Fate;
};

/** A session that tells nothing of what the statement names. */
export function blindTo(table: string, session: CqlSession): CqlSession {
  return {
    ...session,
    async *pages(statement, options) {
      if (statement.cql.includes(` FROM ${table} `)) return;
      yield* session.pages(statement, options);
    },
  };
}

/** A cluster whose appends are logged: by the writer of these tests, or by a real ScyllaDB itself. */
export function logClusters() {
  const clusters = testCluster();
  const made = new Set<string>();
  return {
    async open(
      { sets = "tablets", streams = 8, chance = chanceOf(1), fateOf }: LogClusterOptions = {},
    ): Promise<LogCluster> {
      const cluster = await clusters.open();
      const { session, keyspace, kind } = cluster;
      if (logLayoutOf(kind, keyspace) !== undefined) {
        await cluster[Symbol.asyncDispose]();
        return await openApart();
      }
      if (!made.has(keyspace)) await makeLogTables(session, keyspace);
      made.add(keyspace);
      await Promise.all(LOG_TABLES.map((table) => session.define(`TRUNCATE ${table}`)));
      const layout = writtenLayout(keyspace, sets);
      const writer = new LogWriter({ session, layout, chance, ...fateOf === undefined ? {} : { fateOf } });
      await writer.beginSet(streams);
      return withLog(cluster, { layout, writer });
    },
    close: () => clusters.close(),
  };
}

/** A log is not emptied with its table: on a real one each case has a keyspace of its own. */
async function openApart(): Promise<LogCluster> {
  const clusters = testCluster();
  const cluster = await clusters.open();
  const layout = logLayoutOf(cluster.kind, cluster.keyspace);
  if (layout === undefined) throw new Error(`expected a log of ${cluster.keyspace}, found none`);
  const logged = withLog(cluster, { layout, writer: undefined });
  return {
    ...logged,
    async [Symbol.asyncDispose]() {
      await logged[Symbol.asyncDispose]();
      await clusters.close();
    },
  };
}

function withLog(
  cluster: TestCluster,
  { layout, writer }: { readonly layout: LogLayout; readonly writer: LogWriter | undefined },
): LogCluster {
  const logged = (session: CqlSession) => writer === undefined ? session : loggedBy(writer, session);
  const copy = async ({ session = cluster.session, ...options }: CopyOptions = {}) =>
    await cluster.copy({ rings: false, ...options, session: logged(session) });
  return {
    ...cluster,
    layout,
    writer,
    copy,
    serving: () => copy({ claim: false }),
    async reading({ logTimes, ...options } = {}) {
      const reading = await copy({ changeLog: layout, logTimes: { ...SHORT_TIMES, ...logTimes }, ...options });
      await reading.owns(LAYOUT.slices);
      return reading;
    },
    async [Symbol.asyncDispose]() {
      await writer?.settled();
      await cluster[Symbol.asyncDispose]();
    },
  };
}
