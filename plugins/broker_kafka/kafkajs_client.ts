// edge: a driver
import { Buffer } from "node:buffer";
import type { Kafka } from "kafkajs";
import {
  type KafkaAccess,
  type KafkaClient,
  type KafkaProducer,
  type KafkaTimes,
  MAX_REPLICATION,
  topicConfig,
  type TopicSettings,
} from "./kafka_client.ts";
import { answered, KafkaError } from "./kafka_error.ts";
import { type Driver, openDriver } from "./kafkajs_driver.ts";
import { openKafkajsReader } from "./kafkajs_reader.ts";

/** On kafkajs, whose idempotent mode can lose messages: it is off, so that what is sent again may be there twice. */
export function createKafkajsClient(access: KafkaAccess, times: KafkaTimes): KafkaClient {
  const drivers = new Set<Driver>();
  const open = (): Driver => {
    const driver = openDriver(access, times);
    const opened = {
      kafka: driver.kafka,
      close() {
        drivers.delete(opened);
        driver.close();
      },
    };
    drivers.add(opened);
    return opened;
  };
  return {
    ensureTopics: (topics, settings) => withDriver(open(), (kafka) => ensureTopics(kafka, topics, settings)),
    openProducer: () => openProducer(open(), times),
    openReader: () => Promise.resolve(openKafkajsReader(open())),
    async close() {
      for (const driver of drivers) driver.close();
    },
  };
}

async function withDriver<T>(driver: Driver, work: (kafka: Kafka) => Promise<T>): Promise<T> {
  try {
    return await answered(work(driver.kafka));
  } finally {
    driver.close();
  }
}

async function ensureTopics(
  kafka: Kafka,
  topics: readonly string[],
  settings: TopicSettings,
): Promise<ReadonlyMap<string, number>> {
  const admin = kafka.admin();
  await admin.connect();
  const there = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !there.has(topic));
  if (missing.length > 0) {
    const { brokers } = await admin.describeCluster();
    const replicationFactor = settings.replication ?? Math.min(MAX_REPLICATION, brokers.length);
    const configEntries = Object.entries(topicConfig(replicationFactor, settings))
      .map(([name, value]) => ({ name, value }));
    const numPartitions = settings.partitions;
    const made = missing.map((topic) => ({ topic, numPartitions, replicationFactor, configEntries }));
    // It looks for them once they are made.
    await answered(admin.createTopics({ topics: made })).catch(unlessUnknown);
  }
  const { topics: found } = await whenKnown(() => admin.fetchTopicMetadata({ topics: [...topics] }));
  return new Map(found.map(({ name, partitions }) => [name, partitions.length]));
}

/** It takes a moment until every broker knows of a topic that was made. */
const PATIENT = { tries: 50, delayMs: 100 };

async function whenKnown<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; tries < PATIENT.tries; tries++) {
    const answer = await answered(ask()).catch(unlessUnknown);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, PATIENT.delayMs));
  }
  return await ask();
}

function unlessUnknown(error: unknown): undefined {
  if (!(error instanceof KafkaError && error.kind === "unknown_topic")) throw error;
}

async function openProducer(driver: Driver, { requestMs }: KafkaTimes): Promise<KafkaProducer> {
  const producer = driver.kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    createPartitioner: () => ({ message }) => message.partition ?? 0,
  });
  try {
    await answered(producer.connect());
  } catch (error) {
    driver.close();
    throw error;
  }
  return {
    async send({ topic, partition, messages }) {
      const records = messages.map(({ key, headers, value }) => ({
        partition,
        headers: { ...headers },
        key: Buffer.from(key),
        value: Buffer.from(value),
      }));
      await answered(producer.send({ topic, acks: -1, timeout: requestMs, messages: records }));
    },
    close: () => driver.close(),
  };
}
