import type { Stream } from "../../../core/ports/event_store.ts";
import { inFlight } from "../in_flight.ts";
import type { CqlRow, CqlSession } from "../session.ts";
import { fromText } from "../text.ts";

/** A commit that somebody was about to make. */
export type Announcement = Stream & {
  readonly slice: number;
  readonly minute: number;
  /** By the database's clock, as the writer knew it. */
  readonly atMs: number;
  readonly commitId: string;
  readonly bucket: number;
  readonly expected: number;
  readonly cond: number | null;
  readonly count: number;
  readonly fence: string | null;
};

const COLUMNS = "slice, minute, at, commit_id, aggregate_type, aggregate_id, bucket, expected, cond, count, fence";
const PAGE_SIZE = 1_000;
/** As many partitions as ScyllaDB lets one statement name, and some to spare. */
const MINUTES_ASKED = 60;
const ASKED_IN_FLIGHT = 4;

/** What was announced in a minute of a slice, in the order of its times, so many at a time. */
export function inMinute(
  session: CqlSession,
  { slice, minute }: { readonly slice: number; readonly minute: number },
): AsyncIterable<readonly Announcement[]> {
  const cql = `SELECT ${COLUMNS} FROM outbox_messages WHERE slice = ? AND minute = ?`;
  return toAnnouncements(session.pages({ cql, values: [slice, BigInt(minute)] }, { pageSize: PAGE_SIZE }));
}

/** What was announced in a minute of any of these slices after a time. */
export function announcedAfter(
  session: CqlSession,
  { slices, minute, afterMs }: {
    readonly slices: readonly number[];
    readonly minute: number;
    readonly afterMs: number;
  },
): AsyncIterable<readonly Announcement[]> {
  const marks = slices.map(() => "?").join(", ");
  const cql = `SELECT ${COLUMNS} FROM outbox_messages WHERE slice IN (${marks}) AND minute = ? AND at > ?`;
  const values = [...slices, BigInt(minute), new Date(afterMs)];
  return toAnnouncements(session.pages({ cql, values }, { pageSize: PAGE_SIZE }));
}

/**
 * The minutes of a slice, from one to another and both included, in which anything was announced that is kept; in
 * order. Each is asked for by name: a list of all would lead through those that have expired, and fail on too many.
 */
export async function announcedMinutes(
  session: CqlSession,
  { slice, from, to }: { readonly slice: number; readonly from: number; readonly to: number },
): Promise<readonly number[]> {
  const minutes: number[] = [];
  const firsts = Array.from(
    { length: Math.ceil((to - from + 1) / MINUTES_ASKED) },
    (_, at) => from + at * MINUTES_ASKED,
  );
  await inFlight(firsts, ASKED_IN_FLIGHT, async (first) => {
    const asked = Array.from({ length: Math.min(MINUTES_ASKED, to - first + 1) }, (_, at) => BigInt(first + at));
    const marks = asked.map(() => "?").join(", ");
    const cql = `SELECT minute FROM outbox_messages WHERE slice = ? AND minute IN (${marks}) PER PARTITION LIMIT 1`;
    for (const row of await session.execute({ cql, values: [slice, ...asked] })) minutes.push(Number(row["minute"]));
  });
  return minutes.sort((a, b) => a - b);
}

async function* toAnnouncements(pages: AsyncIterable<readonly CqlRow[]>): AsyncGenerator<readonly Announcement[]> {
  for await (const rows of pages) if (rows.length > 0) yield rows.map(toAnnouncement);
}

function toAnnouncement(row: CqlRow): Announcement {
  return {
    slice: Number(row["slice"]),
    minute: Number(row["minute"]),
    atMs: timeOf(row["at"]),
    commitId: String(row["commit_id"]),
    aggregateType: fromText(String(row["aggregate_type"])),
    aggregateId: fromText(String(row["aggregate_id"])),
    bucket: Number(row["bucket"]),
    expected: Number(row["expected"]),
    cond: typeof row["cond"] === "bigint" ? Number(row["cond"]) : null,
    count: Number(row["count"]),
    fence: typeof row["fence"] === "string" ? row["fence"] : null,
  };
}

function timeOf(value: unknown): number {
  return value instanceof Date ? value.getTime() : Number(value);
}
