import type { LogLayout } from "../../../plugins/storage_scylla/cdc/log_layout.ts";
import type { CqlSession } from "../../../plugins/storage_scylla/session.ts";

/** A column of a logged table; `kind` as the server's schema names it. */
export type BaseColumn = { readonly name: string; readonly type: string; readonly kind: string };

const BASE = "event_store";
const LOG = `${BASE}_scylla_cdc_log`;

/** The columns that every log has, whatever it is a log of. */
const CDC_COLUMNS: readonly (readonly [string, string])[] = [
  ["cdc$stream_id", "blob"],
  ["cdc$time", "timeuuid"],
  ["cdc$batch_seq_no", "int"],
  ["cdc$end_of_batch", "boolean"],
  ["cdc$operation", "tinyint"],
  ["cdc$ttl", "bigint"],
];

/** Where the writer of these tests keeps a log and its stream sets in a keyspace of any server. */
export function writtenLayout(keyspace: string, sets: LogLayout["sets"]): LogLayout {
  const tables = sets === "tablets"
    ? { timestamps: "cdc_timestamps", streams: "cdc_streams" }
    : { timestamps: "cdc_generation_timestamps", streams: "cdc_streams_descriptions_v2" };
  return { keyspace, table: BASE, log: LOG, sets, ...tables, bypassesCache: false };
}

/** What ScyllaDB makes by itself: the log of the events, and the tables of stream sets, empty. */
export async function makeLogTables(session: CqlSession, keyspace: string): Promise<void> {
  const columns = logColumns(await columnsOf(session, { keyspace, table: BASE }));
  const definitions = columns.map(([name, type]) => `"${name}" ${type}`).join(", ");
  const key = `PRIMARY KEY ("cdc$stream_id", "cdc$time", "cdc$batch_seq_no")`;
  await session.define(`CREATE TABLE IF NOT EXISTS ${LOG} (${definitions}, ${key})`);
  for (const table of SET_TABLES) await session.define(`CREATE TABLE IF NOT EXISTS ${table}`);
}

export const LOG_TABLES = [
  LOG,
  "cdc_timestamps",
  "cdc_streams",
  "cdc_generation_timestamps",
  "cdc_streams_descriptions_v2",
];

const SET_TABLES = [
  "cdc_timestamps (keyspace_name text, table_name text, timestamp timestamp, " +
  "PRIMARY KEY ((keyspace_name, table_name), timestamp)) WITH CLUSTERING ORDER BY (timestamp DESC)",
  "cdc_streams (keyspace_name text, table_name text, timestamp timestamp, stream_state tinyint, stream_id blob, " +
  "PRIMARY KEY ((keyspace_name, table_name), timestamp, stream_state, stream_id))",
  "cdc_generation_timestamps (key text, time timestamp, expired timestamp, PRIMARY KEY (key, time)) " +
  "WITH CLUSTERING ORDER BY (time DESC)",
  "cdc_streams_descriptions_v2 (time timestamp, range_end bigint, streams frozen<set<blob>>, " +
  "PRIMARY KEY (time, range_end))",
];

/** Every column of a table by its own name; those outside the key each with one that says it was deleted. */
export function logColumns(base: readonly BaseColumn[]): readonly (readonly [string, string])[] {
  const own = base.map(({ name, type }) => [name, type] as const);
  const values = base.filter(({ kind }) => kind === "regular" || kind === "static");
  return [...CDC_COLUMNS, ...own, ...values.map(({ name }) => [`cdc$deleted_${name}`, "boolean"] as const)];
}

export async function columnsOf(
  session: CqlSession,
  { keyspace, table }: { readonly keyspace: string; readonly table: string },
): Promise<readonly BaseColumn[]> {
  const cql = "SELECT column_name, type, kind FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?";
  const rows = await session.execute({ cql, values: [keyspace, table] });
  return rows.map((row) => ({
    name: String(row["column_name"]),
    type: String(row["type"]),
    kind: String(row["kind"]),
  }));
}
