import { StartError } from "../../../core/ports/plugin.ts";
import type { ServerKind } from "../dialect.ts";
import { EVENT_COLUMNS } from "../event_rows.ts";
import type { CqlSession, Statement } from "../session.ts";

/** Where ScyllaDB logs the changes of a table, and where it tells in which streams. */
export type LogLayout = {
  /** The table whose changes are logged. */
  readonly keyspace: string;
  readonly table: string;
  readonly log: string;
  /** Stream sets belong to the table, or with vnodes to the whole cluster. */
  readonly sets: "tablets" | "vnodes";
  readonly timestamps: string;
  readonly streams: string;
  /** What is read once is not worth a place in the cache; another server does not know the words. */
  readonly bypassesCache: boolean;
};

export const CHANGE_SOURCES = ["cdc", "outbox"] as const;
export type ChangeSourceName = typeof CHANGE_SOURCES[number];

const TABLE = "event_store";
const TABLES = {
  tablets: { timestamps: "system.cdc_timestamps", streams: "system.cdc_streams" },
  vnodes: {
    timestamps: "system_distributed.cdc_generation_timestamps",
    streams: "system_distributed.cdc_streams_descriptions_v2",
  },
};
const OPTIONS = "SELECT cdc FROM system_schema.scylla_tables WHERE keyspace_name = ? AND table_name = ?";

/** The log of `event_store` as this kind of server keeps it; undefined where there is no such thing. */
export function logLayoutOf(kind: ServerKind, keyspace: string): LogLayout | undefined {
  if (kind === "cassandra") return undefined;
  const sets = kind === "scylla_tablets" ? "tablets" : "vnodes";
  return { keyspace, table: TABLE, log: `${TABLE}_scylla_cdc_log`, sets, ...TABLES[sets], bypassesCache: true };
}

/**
 * The log to read, unless only the outbox is to be; by itself, wherever there is one. Throws a `StartError` where one
 * is asked for that is not there, and a `CqlError`.
 */
export async function chooseLog(
  session: CqlSession,
  { kind, keyspace, wanted }: {
    readonly kind: ServerKind;
    readonly keyspace: string;
    readonly wanted?: ChangeSourceName | undefined;
  },
): Promise<LogLayout | undefined> {
  if (wanted === "outbox") return undefined;
  const layout = logLayoutOf(kind, keyspace);
  const isLogged = layout !== undefined && await logs(session, layout);
  if (isLogged) return layout;
  if (wanted === undefined) return undefined;
  const name = `${keyspace}.${TABLE}`;
  const [expected, found, advice] = layout === undefined
    ? ["ScyllaDB", "Apache Cassandra, which has no such log", ""]
    : [`the log of ${name} enabled`, "it disabled", `ALTER TABLE ${name} WITH cdc = {'enabled': true}, or `];
  const message = `Cannot use CHANGE_SOURCE=cdc: expected ${expected}, found ${found}`;
  throw new StartError(`${message}; ${advice}leave CHANGE_SOURCE out, or set it to outbox`);
}

async function logs(session: CqlSession, { keyspace, table }: LogLayout): Promise<boolean> {
  const [row] = await session.execute({ cql: OPTIONS, values: [keyspace, table] });
  const options = row?.["cdc"];
  return options instanceof Map && options.get("enabled") === "true";
}

/** Part of a log's streams, from one moment on or between two. */
export type LogRange = {
  readonly streams: readonly Uint8Array[];
  readonly fromMs: number;
  readonly toMs?: number | undefined;
};

/** What is read of a row: its place, and all of its event. */
export const LOG_COLUMNS = `"cdc$stream_id", "cdc$time", "cdc$operation", "cdc$end_of_batch", ${EVENT_COLUMNS}`;

/** Columns are named, so one that a newer deploy has added changes nothing. */
export function readLog({ log, bypassesCache }: LogLayout, { streams, fromMs, toMs }: LogRange): Statement {
  const marks = streams.map(() => "?").join(", ");
  const before = toMs === undefined ? "" : ` AND "cdc$time" < minTimeuuid(?)`;
  const where = `"cdc$stream_id" IN (${marks}) AND "cdc$time" >= minTimeuuid(?)${before}`;
  const cql = `SELECT ${LOG_COLUMNS} FROM ${log} WHERE ${where}${bypassesCache ? " BYPASS CACHE" : ""}`;
  const until = toMs === undefined ? [] : [new Date(toMs)];
  return { cql, values: [...streams, new Date(fromMs), ...until] };
}

/** The moments after a moment from which on there are other streams, in order, each as `at`. */
export function readSetTimes({ sets, keyspace, table, timestamps }: LogLayout, afterMs: number): Statement {
  const after = new Date(afterMs);
  if (sets === "vnodes") {
    const cql = `SELECT time AS at FROM ${timestamps} WHERE key = ? AND time > ? ORDER BY time ASC`;
    return { cql, values: ["timestamps", after] };
  }
  const where = "keyspace_name = ? AND table_name = ? AND timestamp > ?";
  const cql = `SELECT timestamp AS at FROM ${timestamps} WHERE ${where} ORDER BY timestamp ASC`;
  return { cql, values: [keyspace, table, after] };
}

/** The streams of the set that began at a moment: each as `stream_id`, or some in `streams`. */
export function readStreams({ sets, keyspace, table, streams }: LogLayout, atMs: number): Statement {
  const at = new Date(atMs);
  if (sets === "vnodes") return { cql: `SELECT streams FROM ${streams} WHERE time = ?`, values: [at] };
  const where = "keyspace_name = ? AND table_name = ? AND timestamp = ? AND stream_state = ?";
  return { cql: `SELECT stream_id FROM ${streams} WHERE ${where}`, values: [keyspace, table, at, CURRENT] };
}

/** Of the states of a stream in a set: closed and opened ones only say what has changed. */
const CURRENT = 0;
