import type { RecordedEvent, Stream } from "../../../core/ports/event_store.ts";
import { EVENT_COLUMNS, toEvent } from "../event_rows.ts";
import type { CqlRow, CqlSession } from "../session.ts";
import { fromText } from "../../../core/engine/stored_text.ts";

/** Events of one stream that follow each other in one of its partitions. */
export type Run = { readonly stream: Stream; readonly events: readonly RecordedEvent[] };
/** Some runs, and the place from which a scan may go on without losing what follows them. */
export type ScanPage = { readonly runs: readonly Run[]; readonly from: bigint };

/** How far one partition of a stream has come, and when it did, by the servers' clocks. */
export type Head = Stream & { readonly through: number; readonly atMs: number };
export type HeadPage = { readonly heads: readonly Head[]; readonly from: bigint };

const PAGE_ROWS = 1_000;
/** Where a scan of everything begins. */
export const FIRST_TOKEN = -(2n ** 63n);
const TOKEN = "token(aggregate_type, aggregate_id, bucket)";
const SCAN = `SELECT ${TOKEN} AS place, ${EVENT_COLUMNS} FROM event_store WHERE ${TOKEN} >= ?`;

const SCAN_HEADS = `SELECT DISTINCT ${TOKEN} AS place, aggregate_type, aggregate_id, current_sequence, ` +
  `WRITETIME(current_sequence) AS written FROM event_store WHERE ${TOKEN} >= ?`;

/**
 * All events of the streams wanted, partition by partition and in order within each: whatever was there when the scan
 * began is shown. Throws a `CqlError`.
 */
export async function* scanEvents(
  session: CqlSession,
  { from = FIRST_TOKEN, wants }: { readonly from?: bigint; readonly wants: (stream: Stream) => boolean },
): AsyncGenerator<ScanPage, void> {
  for await (const rows of session.pages({ cql: SCAN, values: [from] }, { pageSize: PAGE_ROWS })) {
    const last = rows.at(-1)?.["place"];
    yield { runs: runsOf(rows, wants), from: typeof last === "bigint" ? last : from };
  }
}

/** The share of all places that lie before this one. */
export function shareBefore(place: bigint): number {
  return Number(place - FIRST_TOKEN) / 2 ** 64;
}

/** The heads of all partitions, so many at a time, without their events. Throws a `CqlError`. */
export async function* scanHeads(
  session: CqlSession,
  { from, pageSize }: { readonly from: bigint; readonly pageSize: number },
): AsyncGenerator<HeadPage, void> {
  for await (const rows of session.pages({ cql: SCAN_HEADS, values: [from] }, { pageSize })) {
    const last = rows.at(-1)?.["place"];
    yield { heads: rows.flatMap(headOf), from: typeof last === "bigint" ? last : from };
  }
}

/** None where there is only a fence. */
function headOf(row: CqlRow): readonly Head[] {
  if (typeof row["current_sequence"] !== "bigint") return [];
  const atMs = Number(row["written"]) / 1_000;
  return [{ ...streamOf(row), through: Number(row["current_sequence"]), atMs }];
}

function runsOf(rows: readonly CqlRow[], wants: (stream: Stream) => boolean): readonly Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < rows.length;) {
    let end = at + 1;
    while (end < rows.length && isSamePartition(rows[at], rows[end])) end += 1;
    const run = rows.slice(at, end);
    const stream = streamOf(run[0]);
    // A partition that holds only a fence comes as a row without an event.
    const events = wants(stream) ? run.filter((row) => typeof row["sequence_number"] === "bigint").map(toEvent) : [];
    if (events.length > 0) runs.push({ stream, events });
    at = end;
  }
  return runs;
}

function isSamePartition(a: CqlRow | undefined, b: CqlRow | undefined): boolean {
  return a?.["place"] === b?.["place"] && a?.["aggregate_id"] === b?.["aggregate_id"] &&
    a?.["aggregate_type"] === b?.["aggregate_type"];
}

function streamOf(row: CqlRow | undefined): Stream {
  return {
    aggregateType: fromText(String(row?.["aggregate_type"])),
    aggregateId: fromText(String(row?.["aggregate_id"])),
  };
}
