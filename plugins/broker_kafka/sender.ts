import type { Sender, SendOutcome } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { type Item, Lane } from "./lane.ts";
import { partitionOf } from "./partitions.ts";
import type { Topics } from "./topics.ts";

export type SenderParts = {
  readonly client: Pick<KafkaClient, "openProducer">;
  readonly topics: Pick<Topics, "require" | "forget">;
  readonly partitions: number;
  readonly runtime: Pick<Runtime, "sleep">;
  /** How long a batch may take; then it is not known what became of it. */
  readonly deadlineMs?: number;
};

const LANES = 6;
const DEADLINE_MS = 12_000;

/** Sends the messages of a key by one lane, always the same, and those of several keys side by side. */
export function createSender(parts: SenderParts): Sender & { stop(): void } {
  const { client, topics, partitions, runtime, deadlineMs = DEADLINE_MS } = parts;
  const inTime = <T>(work: Promise<T>) => withDeadline(work, deadlineMs, runtime);
  const lanes = Array.from(
    { length: Math.min(LANES, partitions) },
    () => new Lane({ openProducer: () => client.openProducer(), inTime }),
  );
  return {
    async send(topic, messages) {
      await topics.require();
      const outcomes: SendOutcome[] = [];
      const byPartition = Map.groupBy(messages.keys(), (at) => partitionOf(messages[at]?.key ?? "", partitions));
      // All of them end before it is told how: nothing is under way any more when something is sent again.
      const deliveries = await Promise.allSettled([...byPartition].map(([partition, places]) => {
        const items = places.flatMap((at): Item[] => {
          const message = messages[at];
          return message === undefined ? [] : [{ message, settle: (outcome) => void (outcomes[at] = outcome) }];
        });
        return lanes[partition % lanes.length]?.deliver({ topic, partition, items });
      }));
      for (const delivery of deliveries) {
        if (delivery.status === "rejected") throw toUnavailable(topic, delivery.reason, topics);
      }
      return outcomes;
    },
    stop() {
      for (const lane of lanes) lane.close();
    },
  };
}

function toUnavailable(topic: string, error: unknown, topics: Pick<Topics, "forget">): unknown {
  if (!(error instanceof KafkaError)) return error;
  if (error.kind === "unknown_topic") topics.forget();
  return new Unavailable(`Cannot publish to ${topic}: ${error.message}`);
}

async function withDeadline<T>(work: Promise<T>, ms: number, runtime: Pick<Runtime, "sleep">): Promise<T> {
  const over = new AbortController();
  const late = runtime.sleep(ms, { signal: over.signal }).then(() => {
    throw new KafkaError("away", `the broker has not answered for ${ms} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
