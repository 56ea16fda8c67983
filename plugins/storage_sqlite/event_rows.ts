import type { NewEvent, RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import { fromText, fromTextOrNull, toText, toTextOrNull } from "../../core/engine/stored_text.ts";

/** The columns of `events` but its position, in the order of an `EventRow`. */
export const EVENT_COLUMNS = [
  "aggregate_type",
  "aggregate_id",
  "sequence_number",
  "event_id",
  "event_type",
  "event_version",
  "event_data",
  "command_id",
  "command_hash",
  "causation_id",
  "correlation_id",
  "user_id",
  "timestamp",
  "metadata",
] as const;

export type EventRow = readonly [
  aggregateType: string,
  aggregateId: string,
  sequenceNumber: number,
  eventId: string,
  eventType: string,
  eventVersion: number,
  data: string,
  commandId: string | null,
  commandHash: string | null,
  causationId: string | null,
  correlationId: string | null,
  userId: string | null,
  timestamp: string,
  metadata: string | null,
];

export function toRow({ aggregateType, aggregateId }: Stream, sequenceNumber: number, event: NewEvent): EventRow {
  return [
    toText(aggregateType),
    toText(aggregateId),
    sequenceNumber,
    toText(event.eventId),
    toText(event.eventType),
    event.eventVersion,
    JSON.stringify(event.data),
    toTextOrNull(event.commandId),
    toTextOrNull(event.commandHash),
    toTextOrNull(event.causationId),
    toTextOrNull(event.correlationId),
    toTextOrNull(event.userId),
    toText(event.timestamp),
    event.metadata === null ? null : JSON.stringify(event.metadata),
  ];
}

export function toEvent(row: EventRow): RecordedEvent {
  return {
    aggregateType: fromText(row[0]),
    aggregateId: fromText(row[1]),
    sequenceNumber: row[2],
    eventId: fromText(row[3]),
    eventType: fromText(row[4]),
    eventVersion: row[5],
    data: JSON.parse(row[6]),
    commandId: fromTextOrNull(row[7]),
    commandHash: fromTextOrNull(row[8]),
    causationId: fromTextOrNull(row[9]),
    correlationId: fromTextOrNull(row[10]),
    userId: fromTextOrNull(row[11]),
    timestamp: fromText(row[12]),
    metadata: row[13] === null ? null : JSON.parse(row[13]),
  };
}

const ROW_OVERHEAD_BYTES = 600;

/** About what a row takes in memory. */
export function sizeOf(row: EventRow): number {
  return ROW_OVERHEAD_BYTES + row[6].length + (row[13]?.length ?? 0);
}
