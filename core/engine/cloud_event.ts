import type { Message } from "../model/message.ts";
import type { TopicMessage } from "../ports/broker.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import { traceparentOf } from "../ports/tracing.ts";

/** What a topic tells of an event; who did it, how it is kept and what caused its command stay inside. */
export type PublishedEvent = Omit<RecordedEvent, "commandId" | "commandHash">;

/**
 * The event as a CloudEvent 1.0 in binary mode (CloudEvents' Kafka protocol binding, 3.2). `published` is what the
 * module tells of it, `source` names where its kind of aggregate is served.
 */
export function toCloudEvent(
  event: RecordedEvent,
  { published, source }: { readonly published: Message; readonly source: string },
): TopicMessage {
  const { type, ...data } = published;
  const traceparent = traceparentOf(event);
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ce_specversion: "1.0",
    ce_id: event.eventId,
    ce_type: type,
    ce_source: source,
    ce_subject: event.aggregateId,
    ce_time: event.timestamp,
    ce_sequence: String(event.sequenceNumber),
    ce_eventversion: String(event.eventVersion),
  };
  if (event.correlationId !== null) headers.ce_correlationid = event.correlationId;
  if (event.causationId !== null) headers.ce_causationid = event.causationId;
  if (traceparent !== undefined) headers.traceparent = traceparent;
  return { key: event.aggregateId, headers, value: JSON.stringify(data) };
}

/** The event a message tells of, as far as it does. Throws a `TypeError` for one that `toCloudEvent` did not make. */
export function fromCloudEvent({ key, headers, value }: TopicMessage, aggregateType: string): PublishedEvent {
  const attribute = (name: string) => {
    const found = headers[name];
    if (found === undefined) throw new TypeError(`Cannot read the message: expected the header ${name}, found none`);
    return found;
  };
  return {
    eventId: attribute("ce_id"),
    aggregateType,
    aggregateId: key,
    sequenceNumber: Number(attribute("ce_sequence")),
    eventType: attribute("ce_type"),
    eventVersion: Number(attribute("ce_eventversion")),
    data: JSON.parse(value),
    causationId: headers.ce_causationid ?? null,
    correlationId: headers.ce_correlationid ?? null,
    userId: null,
    timestamp: attribute("ce_time"),
    metadata: null,
  };
}
