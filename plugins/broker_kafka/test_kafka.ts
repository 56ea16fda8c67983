import type { TopicMessage } from "../../core/ports/broker.ts";
import { StartError } from "../../core/ports/plugin.ts";
import {
  KAFKA_TIMES,
  type KafkaAccess,
  type KafkaClient,
  type KafkaTimes,
  type TopicSettings,
} from "./kafka_client.ts";
import { createKafkajsClient } from "./kafkajs_client.ts";
import { createPlatformaticClient } from "./platformatic_client.ts";
import { realRuntime, until } from "../../tests/contract/surroundings.ts";

export const CLIENTS: Readonly<
  Record<"kafkajs" | "platformatic", (access: KafkaAccess, times: KafkaTimes) => KafkaClient>
> = { kafkajs: createKafkajsClient, platformatic: createPlatformaticClient };

export const SETTINGS: TopicSettings = { partitions: 3, replication: 1, retentionMs: -1 };

/** A client of the broker that the tests of a run share. */
export function openTestClient(name: keyof typeof CLIENTS, times = KAFKA_TIMES): KafkaClient {
  return CLIENTS[name]({ brokers: [brokerAddress()], tls: undefined, sasl: undefined }, times);
}

export function brokerAddress(): string {
  const address = Deno.env.get("KAFKA");
  if (address !== undefined) return address;
  throw new StartError("expected a broker's host:port in KAFKA, found none; run `deno task test:cluster`");
}

/** A name that no other test has. */
export function uniqueTopic(prefix = "test"): string {
  return `${prefix}-${realRuntime.newId()}`;
}

/** A broker that has just been made the leader of a partition may not know it yet. */
export async function whenLed(client: KafkaClient, topic: string): Promise<void> {
  await until(async () => {
    const reader = await client.openReader();
    try {
      return await reader.offsets(topic).then(() => true, () => false);
    } finally {
      reader.close();
    }
  });
}

/** As a CloudEvent that `core/engine/cloud_event.ts` makes. */
export function messageOf(key: string, sequence: number, value = '{"by":1}'): TopicMessage {
  const headers = {
    "content-type": "application/json",
    ce_specversion: "1.0",
    ce_id: realRuntime.newId(),
    ce_type: "Counted",
    ce_source: "/annals/counters",
    ce_subject: key,
    ce_time: "2026-11-21T10:00:00.000Z",
    ce_sequence: String(sequence),
    ce_eventversion: "1",
  };
  return { key, headers, value };
}
