import type { PublishedEvent } from "./cloud_event.ts";

/** An event as the wire shows it, every member present. */
export function envelope(event: PublishedEvent) {
  return {
    event_id: event.eventId,
    aggregate_type: event.aggregateType,
    aggregate_id: event.aggregateId,
    sequence_number: event.sequenceNumber,
    event_type: event.eventType,
    event_version: event.eventVersion,
    event_data: event.data,
    causation_id: event.causationId,
    correlation_id: event.correlationId,
    user_id: event.userId,
    timestamp: event.timestamp,
    metadata: event.metadata,
  };
}
