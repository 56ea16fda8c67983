import type { Topic } from "../../core/engine/publication.ts";
import { type Broker, InvalidPlace, type TopicMessage } from "../../core/ports/broker.ts";
import type { RecordedEvent } from "../../core/ports/event_store.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { type BellParts, Bells } from "./bells.ts";
import { LocalTail } from "./local_tail.ts";
import { type Place, readPlace } from "./places.ts";

export type BrokerParts = BellParts & { readonly log: Log };

/**
 * Topics without a broker: nothing is stored twice, the store's own feed is the topic. An id is the checkpoint that an
 * event's page was read after and the event itself: a reader goes on by reading that page again up to the event. That
 * leaves nothing out as long as the source tells the same order again, which an embedded store does.
 */
export function createLocalBroker(parts: BrokerParts): Broker & { stop(): void } {
  const { topics, source } = parts;
  const report = reportOnce(parts.log);
  const bells = new Bells(parts);
  return {
    stop: () => bells.stop(),
    async tail(name, { start, signal }) {
      const topic = topics.get(name);
      if (topic === undefined) throw new TypeError(`Cannot tail "${name}": no module publishes to it`);
      const toMessage = (event: RecordedEvent) => publish(topic, event, report);
      const tail = (after: Place["checkpoint"]) =>
        new LocalTail({ ...parts, topic: { ...topic, publish: toMessage }, bells, after, signal });
      if (start === "beginning") return tail(null);
      if (start === "now") return tail(await source.head());
      const { checkpoint, eventId } = readPlace(start.after);
      const found = tail(checkpoint);
      if (await found.skipThrough(eventId)) return found;
      throw new InvalidPlace("Cannot go on after this id: expected one that this topic gave, of an event it still has");
    },
  };
}

/** An event that its module fails to publish stays back, so that it costs nobody the events behind it. */
function publish(topic: Topic, event: RecordedEvent, report: Report): TopicMessage | undefined {
  try {
    return topic.publish(event);
  } catch (error) {
    const { eventType: event_type, correlationId: correlation_id } = event;
    report(event_type, { topic: topic.name, event_type, correlation_id, error: String(error) });
    return undefined;
  }
}

type Report = (eventType: string, fields: Readonly<Record<string, unknown>>) => void;

/** Many readers come past the same event: a type of event is reported once. */
function reportOnce(log: Log): Report {
  const reported = new Set<string>();
  return (eventType, fields) => {
    if (reported.has(eventType)) return;
    reported.add(eventType);
    log.error("A module failed to publish an event; events of this type may be missing in its topic", fields);
  };
}
