import { type RecordedEvent, type Stream, streamKey } from "../../../core/ports/event_store.ts";
import { toEvent } from "../event_rows.ts";
import type { CqlRow } from "../session.ts";
import { fromText } from "../../../core/engine/stored_text.ts";

/**
 * What a row of the log says. `event`: a stream holds this event, whose content came along if it could be read.
 * `damage`: events of the stream were deleted. `strange`: nothing that a log of these tables should hold.
 */
export type Entry =
  | { readonly is: "nothing" }
  | {
    readonly is: "event";
    readonly stream: Stream;
    readonly sequence: number;
    readonly event: () => RecordedEvent | undefined;
  }
  | { readonly is: "damage"; readonly stream: Stream; readonly operation: number }
  | { readonly is: "strange"; readonly reason: string };

const PRE_IMAGE = 0;
const UPDATE = 1;
const INSERT = 2;
const ROW_DELETE = 3;
const LAST_RANGE_DELETE = 8;
const POST_IMAGE = 9;

const NOTHING: Entry = { is: "nothing" };

export function entryOf(row: CqlRow): Entry {
  const operation = row["cdc$operation"];
  if (typeof operation !== "number") return strange(`the operation ${operation}`);
  if (!isNamed(row)) return strange("a row without the names of a stream");
  const sequence = row["sequence_number"] ?? null;
  // The head and the fence of a stream stand beside its events, and so in rows of their own.
  if (sequence === null && (operation === UPDATE || operation === INSERT)) return NOTHING;
  if (operation === PRE_IMAGE || operation === POST_IMAGE) return NOTHING;
  const stream = streamOf(row);
  if (operation >= ROW_DELETE && operation <= LAST_RANGE_DELETE) return { is: "damage", stream, operation };
  if (operation !== INSERT) return strange(`the operation ${operation} on an event of ${streamKey(stream)}`);
  if (typeof sequence !== "bigint" || sequence < 1n || sequence > Number.MAX_SAFE_INTEGER) {
    return strange(`the event number ${sequence} of ${streamKey(stream)}`);
  }
  return { is: "event", stream, sequence: Number(sequence), event: () => contentOf(row) };
}

/** Names the commit of a row: all rows of one time in one stream of the log. */
export function groupOf(row: CqlRow): string {
  return `${row["cdc$time"]} ${hexOf(row["cdc$stream_id"])}`;
}

/** Whether two rows are of one commit. */
export function isOfGroup(row: CqlRow, other: CqlRow): boolean {
  return row["cdc$time"] === other["cdc$time"] && hexOf(row["cdc$stream_id"]) === hexOf(other["cdc$stream_id"]);
}

export function isEndOfGroup(row: CqlRow): boolean {
  return row["cdc$end_of_batch"] === true;
}

/** The moment in a version 1 UUID, in milliseconds since 1970; undefined in anything else. */
export function timeOf(row: CqlRow): number | undefined {
  const time = row["cdc$time"];
  const [, low, middle, high] = /^([0-9a-f]{8})-([0-9a-f]{4})-1([0-9a-f]{3})-/.exec(String(time)) ?? [];
  if (low === undefined) return undefined;
  return Number((BigInt(`0x${high}${middle}${low}`) - UUID_EPOCH) / UUID_TICKS_PER_MS);
}

/** UUIDs count from 1582, in tenths of microseconds. */
const UUID_EPOCH = 0x01b21dd213814000n;
const UUID_TICKS_PER_MS = 10_000n;

export function hexOf(bytes: unknown): string {
  return bytes instanceof Uint8Array ? bytes.toHex() : String(bytes);
}

function strange(found: string): Entry {
  return { is: "strange", reason: found };
}

type Named = CqlRow & { readonly aggregate_type: string; readonly aggregate_id: string };

function isNamed(row: CqlRow): row is Named {
  return typeof row["aggregate_type"] === "string" && typeof row["aggregate_id"] === "string";
}

function streamOf({ aggregate_type, aggregate_id }: Named): Stream {
  return { aggregateType: fromText(aggregate_type), aggregateId: fromText(aggregate_id) };
}

const TEXTS = ["event_id", "event_type", "event_data"];

/** Undefined where anything is missing that every event has: the store has it. */
function contentOf(row: CqlRow): RecordedEvent | undefined {
  const isWhole = TEXTS.every((name) => typeof row[name] === "string") &&
    typeof row["event_version"] === "number" && row["timestamp"] instanceof Date;
  if (!isWhole) return undefined;
  try {
    return toEvent(row);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
