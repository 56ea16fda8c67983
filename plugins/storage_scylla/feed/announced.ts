import type { Stream } from "../../../core/ports/event_store.ts";
import { inFlight } from "../../../core/engine/in_flight.ts";
import { CqlError, type CqlRow, type CqlSession } from "../session.ts";
import { fromText } from "../../../core/engine/stored_text.ts";

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
const LISTED = 1_000;

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
 * order. A short list of all is read at once. Else each is asked for by name, until the signal aborts: a long list
 * leads through those that have expired, and fails on too many.
 */
export async function announcedMinutes(session: CqlSession, asked: AskedMinutes): Promise<readonly number[]> {
  const minutes = await listed(session, asked) ?? await askedByName(session, asked);
  return [...minutes].sort((a, b) => a - b);
}

type AskedMinutes = {
  readonly slice: number;
  readonly from: number;
  readonly to: number;
  readonly signal: AbortSignal;
};

/** Undefined where the list of all minutes of all slices is long, or cannot be read. */
async function listed(
  session: CqlSession,
  { slice, from, to }: AskedMinutes,
): Promise<readonly number[] | undefined> {
  const cql = `SELECT DISTINCT slice, minute FROM outbox_messages LIMIT ${LISTED}`;
  try {
    const rows = await session.execute({ cql, values: [] });
    if (rows.length >= LISTED) return undefined;
    const minutes = rows.filter((row) => row["slice"] === slice).map((row) => Number(row["minute"]));
    return minutes.filter((minute) => minute >= from && minute <= to);
  } catch (error) {
    if (error instanceof CqlError) return undefined;
    throw error;
  }
}

async function askedByName(
  session: CqlSession,
  { slice, from, to, signal }: AskedMinutes,
): Promise<readonly number[]> {
  const minutes: number[] = [];
  const count = Math.ceil((to - from + 1) / MINUTES_ASKED);
  const firsts = Array.from({ length: count }, (_, at) => from + at * MINUTES_ASKED);
  await inFlight(firsts, ASKED_IN_FLIGHT, async (first) => {
    signal.throwIfAborted();
    const asked = Array.from({ length: Math.min(MINUTES_ASKED, to - first + 1) }, (_, at) => BigInt(first + at));
    const marks = asked.map(() => "?").join(", ");
    const cql = `SELECT minute FROM outbox_messages WHERE slice = ? AND minute IN (${marks}) PER PARTITION LIMIT 1`;
    for (const row of await session.execute({ cql, values: [slice, ...asked] })) minutes.push(Number(row["minute"]));
  });
  return minutes;
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
