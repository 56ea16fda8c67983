import type { Fields } from "../../core/model/message.ts";
import type { NewEvent, RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import { partitionOf } from "./partitions.ts";
import type { CqlRow, Statement } from "./session.ts";
import { fromText, fromTextOrNull, toText, toTextOrNull } from "../../core/engine/stored_text.ts";

const NAMES = "aggregate_type, aggregate_id, bucket, sequence_number";
const CONTENT = "event_id, event_type, event_version, event_data, command_id, command_hash, causation_id, " +
  "correlation_id, user_id, timestamp, metadata";
const INSERT = `INSERT INTO event_store (${NAMES}, commit_id, ${CONTENT}) ` +
  "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/** What `toEvent` needs of a row of `event_store`. */
export const EVENT_COLUMNS = `aggregate_type, aggregate_id, sequence_number, ${CONTENT}`;

export type EventPlace = {
  readonly stream: Stream;
  readonly bucket: number;
  readonly sequenceNumber: number;
  readonly commitId: string;
};

export function insertEvent({ stream, bucket, sequenceNumber, commitId }: EventPlace, event: NewEvent): Statement {
  return {
    cql: INSERT,
    values: [
      ...partitionOf(stream, bucket),
      BigInt(sequenceNumber),
      commitId,
      toText(event.eventId),
      toText(event.eventType),
      event.eventVersion,
      JSON.stringify(event.data),
      toTextOrNull(event.commandId),
      toTextOrNull(event.commandHash),
      toTextOrNull(event.causationId),
      toTextOrNull(event.correlationId),
      toTextOrNull(event.userId),
      new Date(event.timestamp),
      event.metadata === null ? null : JSON.stringify(event.metadata),
    ],
  };
}

export function toEvent(row: CqlRow): RecordedEvent {
  const metadata = textOrNull(row["metadata"]);
  return {
    aggregateType: textOf(row["aggregate_type"]),
    aggregateId: textOf(row["aggregate_id"]),
    sequenceNumber: Number(row["sequence_number"]),
    eventId: textOf(row["event_id"]),
    eventType: textOf(row["event_type"]),
    eventVersion: Number(row["event_version"]),
    data: fieldsOf(row["event_data"]),
    commandId: fromTextOrNull(textOrNull(row["command_id"])),
    commandHash: fromTextOrNull(textOrNull(row["command_hash"])),
    causationId: fromTextOrNull(textOrNull(row["causation_id"])),
    correlationId: fromTextOrNull(textOrNull(row["correlation_id"])),
    userId: fromTextOrNull(textOrNull(row["user_id"])),
    timestamp: timeOf(row["timestamp"]).toISOString(),
    metadata: metadata === null ? null : fieldsOf(metadata),
  };
}

function textOf(value: unknown): string {
  return fromText(String(value));
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function fieldsOf(json: unknown): Fields {
  return JSON.parse(String(json));
}

function timeOf(value: unknown): Date {
  if (value instanceof Date) return value;
  throw new TypeError(`Cannot read an event's row: expected a moment as its timestamp, found ${value}`);
}
