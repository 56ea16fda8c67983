import { z } from "zod";
import type { Message } from "../model/message.ts";
import type { TopicMessage } from "../ports/broker.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import { messageOf } from "./aggregate.ts";
import { toCloudEvent } from "./cloud_event.ts";
import type { Registry, Served } from "./registry.ts";

/** What a module publishes, whatever broker carries it. */
export type Topic = {
  readonly name: string;
  readonly served: Served;
  /** Of the events it is made from. */
  readonly eventTypes: ReadonlySet<string>;
  /** The event's message, or undefined when the module keeps it to itself. Throws what the module's `publish` does. */
  publish(event: RecordedEvent): TopicMessage | undefined;
};

/** The subscription that publishes. */
export const PUBLISHER = "publisher";

/** The variable `EVENT_SOURCE`: what stands before the module's path in `ce_source`. */
export const eventSource = z.string()
  .regex(/^[!-~]*[!-.0-~]$/, "expected a URI without a slash at its end, like https://example.com/annals")
  .default("/annals");

export function topicName({ module }: Served): string {
  return `${module.name}-events`;
}

/** The topic of each module, by name. */
export function topicsOf({ modules }: Registry, { source }: { readonly source: string }): ReadonlyMap<string, Topic> {
  return new Map(modules.map((served) => [topicName(served), topicOf(served, `${source}/${served.module.path}`)]));
}

function topicOf(served: Served, source: string): Topic {
  const { module } = served;
  return {
    name: topicName(served),
    served,
    eventTypes: new Set(served.events.keys()),
    publish(event) {
      const message = messageOf(event);
      const published = module.publish === undefined ? message : module.publish(message);
      return published && toCloudEvent(event, { published: checked(published, event), source });
    },
  };
}

/** A public type stands in a header and in a line of a stream. */
function checked(published: Message, { eventType }: RecordedEvent): Message {
  const { type }: { readonly type: unknown } = published;
  if (typeof type === "string" && /^[\w.-]+$/.test(type)) return published;
  const expected = "expected a `type` of letters, digits and . _ -";
  throw new TypeError(`Cannot publish ${eventType}: ${expected}, found ${JSON.stringify(type)}`);
}
