import { createHash } from "node:crypto";
import type { CqlValue, Statement } from "../../../plugins/storage_scylla/session.ts";

/** A row of a log without its place in it: the columns of the table that it says something of. */
export type LogRow = { readonly operation: number; readonly columns: ReadonlyMap<string, CqlValue> };

const UPDATE = /^UPDATE event_store SET (.+) WHERE (.+?) IF /;
const INSERT = /^INSERT INTO event_store \((.+)\) VALUES/;
const OPERATIONS = { update: 1, insert: 2 };

/** What ScyllaDB logs of a conditional write that was applied: a row for the static columns, one for each event. */
export function rowsOf(statements: readonly Statement[]): readonly LogRow[] {
  return statements.map(({ cql, values }) => {
    const [, set = "", where = ""] = UPDATE.exec(cql) ?? [];
    if (set !== "") return rowOf(OPERATIONS.update, [...namesOf(set), ...namesOf(where, " AND ")], values);
    const [, inserted] = INSERT.exec(cql) ?? [];
    if (inserted !== undefined) return rowOf(OPERATIONS.insert, inserted.split(", "), values);
    throw new Error(`expected a write of event_store as commits make it, found ${cql}`);
  });
}

function namesOf(text: string, separator = ", "): string[] {
  return text.split(separator).map((part) => part.replace(/ = \?$/, ""));
}

/** To set a column to null is to delete it, and logged as such. */
function rowOf(operation: number, names: readonly string[], values: readonly CqlValue[]): LogRow {
  const columns = names.map((name, at): [string, CqlValue] => {
    const value = values[at] ?? null;
    return value === null ? [`cdc$deleted_${name}`, true] : [name, value];
  });
  return { operation, columns: new Map(columns) };
}

/** Stands in for the token of a partition: the same partition, the same number. */
export function tokenOf({ columns }: LogRow): number {
  const key = ["aggregate_type", "aggregate_id", "bucket"].map((name) => columns.get(name));
  return createHash("sha256").update(JSON.stringify(key)).digest().readUInt32BE();
}

/** A version 1 UUID of a moment in microseconds since 1970. */
export function timeUuid(microseconds: number, random: () => number): string {
  const ticks = (BigInt(microseconds) * 10n + 0x01b21dd213814000n).toString(16).padStart(15, "0");
  const digits = (count: number) => Math.floor(random() * 16 ** count).toString(16).padStart(count, "0");
  return `${ticks.slice(-8)}-${ticks.slice(-12, -8)}-1${ticks.slice(-15, -12)}-8${digits(3)}-${digits(12)}`;
}

export type RowPlace = {
  readonly log: string;
  readonly stream: Uint8Array;
  readonly time: string;
  readonly batchSeqNo: number;
  readonly isLast: boolean;
};

export function insertRow(place: RowPlace, { operation, columns }: LogRow): Statement {
  const all = new Map<string, CqlValue>([
    ["cdc$stream_id", place.stream],
    ["cdc$time", place.time],
    ["cdc$batch_seq_no", place.batchSeqNo],
    ["cdc$operation", operation],
    ...columns,
  ]);
  if (place.isLast) all.set("cdc$end_of_batch", true);
  const names = [...all.keys()].map((name) => `"${name}"`).join(", ");
  const marks = [...all].map(() => "?").join(", ");
  return { cql: `INSERT INTO ${place.log} (${names}) VALUES (${marks})`, values: [...all.values()] };
}
