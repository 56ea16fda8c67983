import { ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka";
import { Kafka, logLevel } from "kafkajs";
import { PUBLISHER, topicsOf } from "../../../core/engine/publication.ts";
import { createRegistry } from "../../../core/engine/registry.ts";
import type { TopicMessage } from "../../../core/ports/broker.ts";
import type { RecordedEvent } from "../../../core/ports/event_store.ts";
import { partitionOf } from "../../../plugins/broker_kafka/partitions.ts";
import { discoverModules, modulesDirectory } from "../../../plugins/runtime/discover_modules.ts";
import { systemRuntime } from "../../../plugins/runtime/mod.ts";
import { openStorage } from "../../../plugins/storage_sqlite/storage.ts";
import { openBranch } from "../../../tests/contract/surroundings.ts";

/**
 * A bare client that sends what the service publishes of a data directory, in the same batches: a page of events cut by
 * partition. One batch at a time, each once the one before is acknowledged; only the sending is timed.
 */
const [client = "", address = "", topic = "", partitions = "", directory = ""] = Deno.args;

type Batch = { readonly partition: number; readonly messages: readonly TopicMessage[] };
type Send = (batch: Batch) => Promise<unknown>;

async function openKafkajs(): Promise<Send> {
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: false, allowAutoTopicCreation: false });
  await producer.connect();
  return ({ partition, messages }) => {
    const records = messages.map((message) => ({ ...message, headers: { ...message.headers }, partition }));
    return producer.send({ topic, acks: -1, messages: records });
  };
}

async function openPlatformatic(): Promise<Send> {
  const producer = new Producer({
    ...{ clientId: "raw", bootstrapBrokers: [address], serializers: stringSerializers },
    ...{ idempotent: true, acks: ProduceAcks.ALL },
  });
  return ({ partition, messages }) => {
    const records = messages.map(({ key, value, headers }) => ({ topic, partition, key, value, headers }));
    return producer.send({ messages: records });
  };
}

const topics = topicsOf(createRegistry(await discoverModules(modulesDirectory({}))), { source: "/annals" });
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const storage = await openStorage(directory, {
  ...{ log, runtime: systemRuntime, branch: openBranch({ runtime: systemRuntime, log }) },
});
const send = await (client === "platformatic" ? openPlatformatic() : openKafkajs());
const eventTypes = new Set([...topics.values()].flatMap((each) => [...each.eventTypes]));
const pages = storage.source.changes({
  ...{ subscription: PUBLISHER, after: null, eventTypes },
  signal: new AbortController().signal,
});
let [events, ms] = [0, 0];
for await (const page of pages) {
  const batches = batchesOf(page.events);
  const sinceMs = performance.now();
  for (const batch of batches) await send(batch);
  ms += performance.now() - sinceMs;
  events += page.events.length;
  if (!page.more) break;
}
console.log(`sent ${events} events in ${Math.round(ms)} ms`);
Deno.exit(0);

function batchesOf(events: readonly RecordedEvent[]): readonly Batch[] {
  const messages = events.flatMap((event) => topics.get(`${event.aggregateType}-events`)?.publish(event) ?? []);
  const byPartition = Map.groupBy(messages, ({ key }) => partitionOf(key, Number(partitions)));
  return [...byPartition].map(([partition, batch]) => ({ partition, messages: batch }));
}
