import { assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import type { CqlRow, CqlSession, Statement } from "../../../plugins/storage_scylla/session.ts";
import { Generations } from "../../../plugins/storage_scylla/cdc/generations.ts";
import { LOG_TIMES } from "../../../plugins/storage_scylla/cdc/log_times.ts";
import { realRuntime, until } from "../../contract/surroundings.ts";
import { sampleEvents, streamOf } from "../../contract/samples.ts";
import { type LogCluster, logClusters } from "./log_rig.ts";
import { rowsOf } from "./log_rows.ts";
import { columnsOf, logColumns } from "./log_tables.ts";
import { loggedBy } from "./logged_session.ts";

/** What was recorded of the log of a table with a key of four columns, two static ones and a regular one. */
const RECORDED_COLUMNS = [
  ["cdc$stream_id", "blob"],
  ["cdc$time", "timeuuid"],
  ["cdc$batch_seq_no", "int"],
  ["cdc$end_of_batch", "boolean"],
  ["cdc$operation", "tinyint"],
  ["cdc$ttl", "bigint"],
  ["aggregate_id", "text"],
  ["sequence_number", "bigint"],
  ["current_sequence", "bigint"],
  ["event_data", "text"],
  ["cdc$deleted_current_sequence", "boolean"],
  ["cdc$deleted_event_data", "boolean"],
];
/** And of the commit of events 11 and 12: number in the batch, operation, event, head, content, end. */
const RECORDED_ROWS = [[0, 1, null, 12n, false, null], [1, 2, 11n, null, true, null], [2, 2, 12n, null, true, true]];

describe("the shape of the log", () => {
  const clusters = logClusters();
  afterAll(() => clusters.close());

  it("has the columns that were recorded, as the writer of the tests makes them", () => {
    const base = [
      { name: "aggregate_id", type: "text", kind: "partition_key" },
      { name: "sequence_number", type: "bigint", kind: "clustering" },
      { name: "current_sequence", type: "bigint", kind: "static" },
      { name: "event_data", type: "text", kind: "regular" },
    ];
    assertEquals<unknown>(logColumns(base), RECORDED_COLUMNS);
  });

  it("has the rows that were recorded of a commit, in one stream and of one time", async () => {
    await using cluster = await clusters.open();
    const { store } = await cluster.serving();
    await store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(10) });
    await store.append(streamOf("a"), { expectedVersion: 10, events: sampleEvents(2) });
    const rows = (await logOf(cluster, 14)).slice(11);
    const found = rows.map((row) => [
      ...[row["cdc$batch_seq_no"], row["cdc$operation"], row["sequence_number"], row["current_sequence"]],
      ...[row["event_data"] !== null, row["cdc$end_of_batch"]],
    ]);
    assertEquals<unknown>(found, RECORDED_ROWS);
    assertEquals(new Set(rows.map((row) => row["aggregate_id"])), new Set(["a"]));
    assertEquals(new Set(rows.map((row) => row["cdc$time"])).size, 1);
  });

  it("holds nothing of a commit whose condition failed", async () => {
    await using cluster = await clusters.open();
    const { store } = await cluster.serving();
    const appends = [sampleEvents(1), sampleEvents(1), sampleEvents(1)].map((events) =>
      store.append(streamOf("a"), { expectedVersion: 0, events })
    );
    const outcomes = await Promise.all(appends);
    assertEquals(outcomes.toSorted(), ["applied", "conflict", "conflict"]);
    await cluster.writer?.settled();
    assertEquals((await logOf(cluster, 2)).length, 2);
  });

  it("does not differ from what the writer of the tests makes of the same commits", async () => {
    await using cluster = await clusters.open();
    const expected: CqlRow[] = [];
    const note = (statements: readonly Statement[]) => void expected.push(...plainRows(statements));
    const copy = await cluster.copy({ claim: false, session: loggedBy({ log: note }, cluster.session) });
    const { store } = copy;
    await store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(2) });
    await store.append(streamOf("a"), { expectedVersion: 2, events: sampleEvents(1, { userId: "u", metadata: {} }) });
    const attempt = store.attempt?.(streamOf("a"), { deadlineMs: realRuntime.monotonicMs() + 10_000 });
    await attempt?.append({ expectedVersion: 3, events: sampleEvents(1), closing: true });
    await cluster.writer?.settled();
    const found = await logOf(cluster, expected.length);
    const { keyspace, layout, session } = cluster;
    const columns = await columnsOf(session, { keyspace, table: layout.log });
    const wanted = logColumns(await columnsOf(session, { keyspace, table: layout.table }));
    const differences = [
      ...differencesOf(sorted(wanted), sorted(columns.map(({ name, type }) => [name, type]))),
      ...expected.flatMap((row, at) => differencesOf(plain(row), plain(found[at] ?? {}), `row ${at}: `)),
      ...differencesOf({ rows: expected.length }, { rows: found.length }),
    ];
    for (const difference of differences) console.log(`The log differs: ${difference}`);
    if (cluster.writer !== undefined) console.log("Skipped: the log of a real ScyllaDB, for this is not one");
    assertEquals(differences, []);
  });

  it("is compared so that every difference is found", () => {
    const row = { a: "1", b: "2" };
    assertEquals(differencesOf(row, row), []);
    assertEquals(differencesOf(row, { a: "1", b: "3", c: "4" }, "row 0: "), [
      "row 0: b: expected 2, found 3",
      "row 0: c: expected nothing, found 4",
    ]);
    assertEquals(differencesOf(row, { a: "1" }), ["b: expected 2, found nothing"]);
  });
});

function plainRows(statements: readonly Statement[]): CqlRow[] {
  const rows = rowsOf(statements);
  return rows.map(({ operation, columns }, at) => ({
    ...{ "cdc$batch_seq_no": at, "cdc$operation": operation, ...Object.fromEntries(columns) },
    ...at === rows.length - 1 ? { "cdc$end_of_batch": true } : {},
  }));
}

/** All columns of all rows there are, in the order of their times; waits for so many. */
async function logOf({ session, layout }: LogCluster, count: number): Promise<readonly CqlRow[]> {
  const parts = { session, layout, runtime: realRuntime, clock: { nowMs: realRuntime.now }, times: LOG_TIMES };
  const generations = new Generations(parts);
  await generations.look();
  const streams = generations.live.flatMap((set) => set.streams);
  const rowsNow = async () => (await Promise.all(streams.map((stream) => rowsIn(session, layout.log, stream)))).flat();
  let rows = await rowsNow();
  await until(async () => (rows = await rowsNow()).length >= count);
  return rows;
}

async function rowsIn(session: CqlSession, log: string, stream: Uint8Array): Promise<readonly CqlRow[]> {
  const rows: CqlRow[] = [];
  const statement = { cql: `SELECT * FROM ${log} WHERE "cdc$stream_id" = ?`, values: [stream] };
  for await (const page of session.pages(statement)) rows.push(...page);
  return rows;
}

const PLACE = new Set(["cdc$stream_id", "cdc$time"]);

function plain(row: CqlRow): Record<string, string> {
  const said = Object.entries(row).filter(([name, value]) => value !== null && !PLACE.has(name));
  return Object.fromEntries(
    said.map(([name, value]) => [name, value instanceof Date ? value.toISOString() : `${value}`]),
  );
}

function sorted(columns: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(columns.toSorted(([a], [b]) => a < b ? -1 : 1));
}

function differencesOf(
  expected: Readonly<Record<string, unknown>>,
  found: Readonly<Record<string, unknown>>,
  where = "",
): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names].filter((name) => expected[name] !== found[name]).map((name) => {
    return `${where}${name}: expected ${expected[name] ?? "nothing"}, found ${found[name] ?? "nothing"}`;
  });
}
