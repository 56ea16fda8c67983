import { fromCloudEvent } from "../../core/engine/cloud_event.ts";
import { topicName } from "../../core/engine/publication.ts";
import { mayRead } from "../../core/engine/queries.ts";
import type { Served } from "../../core/engine/registry.ts";
import { type Broker, InvalidPlace, type TopicEntry, type TopicStart } from "../../core/ports/broker.ts";
import type { Handler, Kernel } from "./call.ts";
import { envelope } from "../../core/engine/envelope.ts";
import type { Feed } from "./live_stream.ts";
import { type Problem, problem } from "./problems.ts";
import { readQuery } from "./query.ts";
import { frame, readStart, type Start, START_NAMES, wrongStart } from "./sse.ts";

/** `GET /topics/{topic}`: what a module publishes, as server-sent events. */
export function getTopic(
  { live }: Kernel,
  { served, broker }: { readonly served: Served; readonly broker: Broker },
): Handler {
  const topic = topicName(served);
  return async (call) => {
    const query = readQuery(call.request.url, START_NAMES);
    if (query.is === "problem") return query;
    const start = readStart(call.request.headers, query);
    if (start.is === "problem") return start;
    if (!mayRead(served, call.principal, { kind: "topic", topic })) return problem("forbidden");
    const begin = async (): Promise<Feed | Problem> => {
      const closed = new AbortController();
      try {
        const batches = await broker.tail(topic, { start: startOf(start), signal: closed.signal });
        return topicFeed(batches, { aggregateType: served.module.name, closed });
      } catch (error) {
        closed.abort();
        if (error instanceof InvalidPlace && start.is === "after") {
          return wrongStart(start, "an id that this topic gave");
        }
        throw error;
      }
    };
    return await live.open(call, { begin });
  };
}

function startOf(start: Start): TopicStart {
  return start.is === "after" ? { after: start.id } : start.is;
}

function topicFeed(
  batches: AsyncIterable<readonly TopicEntry[]>,
  { aggregateType, closed }: { aggregateType: string; closed: AbortController },
): Feed {
  const iterator = batches[Symbol.asyncIterator]();
  const text = ({ id, message }: TopicEntry) => {
    const event = fromCloudEvent(message, aggregateType);
    return frame({ id, type: event.eventType, data: envelope(event) });
  };
  return {
    async next() {
      const { value, done } = await iterator.next();
      return done ? undefined : value.map(text).join("");
    },
    close: () => closed.abort(),
  };
}
