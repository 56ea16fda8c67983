// edge: a driver
import { Buffer } from "node:buffer";
import {
  Admin,
  type BaseOptions,
  ListOffsetTimestamps,
  ProduceAcks,
  Producer,
  SASLMechanisms,
} from "@platformatic/kafka";
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
import { openPlatformaticReader, type Registered } from "./platformatic_reader.ts";

/** On @platformatic/kafka, whose idempotent mode stores a batch once, as long as its producer lives. */
export function createPlatformaticClient(access: KafkaAccess, times: KafkaTimes): KafkaClient {
  const options = optionsOf(access, times);
  const closing = new Set<Promise<void>>();
  const opened = new Set<Closable>();
  const register = <T extends Closable>(client: T) => {
    opened.add(client);
    const close = () => {
      if (!opened.delete(client)) return;
      const closed = cut(client).finally(() => closing.delete(closed));
      closing.add(closed);
    };
    return { client, close };
  };
  return {
    async ensureTopics(topics, settings) {
      const { client: admin, close } = register(new Admin({ ...options, ...PATIENT }));
      const late = setTimeout(close, times.requestMs);
      try {
        return await answered(ensureTopics(admin, topics, settings));
      } finally {
        clearTimeout(late);
        close();
      }
    },
    openProducer: () => Promise.resolve(openProducer(register(new Producer(producerOptions(options))))),
    openReader: () => Promise.resolve(openPlatformaticReader(register(new Admin(options)))),
    async close() {
      await Promise.all([...[...opened].map(cut), ...closing]);
      opened.clear();
    },
  };
}

type Closable = Pick<Admin, "connections"> & { close(): Promise<void> };
type SaslOptions = NonNullable<BaseOptions["sasl"]>;

function optionsOf({ brokers, tls, sasl }: KafkaAccess, { connectMs, requestMs }: KafkaTimes): BaseOptions {
  return {
    clientId: "annals",
    bootstrapBrokers: [...brokers],
    connectTimeout: connectMs,
    requestTimeout: requestMs,
    timeout: requestMs,
    retries: 0,
    metadataMaxAge: 60_000,
    autocreateTopics: false,
    ...(tls === undefined ? {} : { tls: tls.ca === undefined ? {} : { ca: [tls.ca] } }),
    ...(sasl === undefined ? {} : {
      sasl: { mechanism: MECHANISMS[sasl.mechanism], username: sasl.username, password: sasl.password },
    }),
  };
}

/** It takes a moment until every broker knows of a topic that was made. */
const PATIENT = { retries: 50, retryDelay: 100 };

const MECHANISMS: Readonly<Record<NonNullable<KafkaAccess["sasl"]>["mechanism"], SaslOptions["mechanism"]>> = {
  plain: SASLMechanisms.PLAIN,
  "scram-sha-256": SASLMechanisms.SCRAM_SHA_256,
  "scram-sha-512": SASLMechanisms.SCRAM_SHA_512,
};

/** With fewer retries an idempotent producer tries for ever. What it sends again is stored once. */
const PRODUCER_RETRIES = 2;
const RETRY_MS = 100;

function producerOptions(options: BaseOptions) {
  const retrying = { retries: PRODUCER_RETRIES, retryDelay: RETRY_MS, repeatOnStaleMetadata: false };
  return { ...options, ...retrying, idempotent: true, acks: ProduceAcks.ALL };
}

/** Its own way of closing waits until what was written has left. */
async function cut(client: Closable): Promise<void> {
  for (const [, connection] of client.connections) connection.socket?.destroy();
  await client.close().catch(() => {});
}

async function ensureTopics(
  admin: Admin,
  topics: readonly string[],
  settings: TopicSettings,
): Promise<ReadonlyMap<string, number>> {
  const there = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !there.has(topic));
  if (missing.length > 0) {
    const { brokers } = await admin.metadata({ topics: [] });
    const replicas = settings.replication ?? Math.min(MAX_REPLICATION, brokers.size);
    const configs = Object.entries(topicConfig(replicas, settings)).map(([name, value]) => ({ name, value }));
    await answered(admin.createTopics({ topics: missing, partitions: settings.partitions, replicas, configs }))
      .catch(unlessThere);
  }
  const { topics: found } = await admin.metadata({ topics: [...topics], forceUpdate: true });
  // A leader that has just been chosen may not know it yet.
  await admin.listOffsets({
    topics: [...found].map(([name, { partitions }]) => ({
      name,
      partitions: partitions.map((_, partitionIndex) => ({ partitionIndex, timestamp: ListOffsetTimestamps.LATEST })),
    })),
  });
  return new Map([...found].map(([name, { partitionsCount }]) => [name, partitionsCount]));
}

/** Another copy may have made it meanwhile. */
function unlessThere(error: unknown): void {
  if (!(error instanceof KafkaError && /already exists/i.test(error.message))) throw error;
}

function openProducer({ client, close }: Registered<Producer>): KafkaProducer {
  return {
    async send({ topic, partition, messages }) {
      const { topics } = await answered(client.metadata({ topics: [topic] }));
      const count = topics.get(topic)?.partitionsCount ?? 0;
      // The driver would take another one.
      if (partition >= count) throw new KafkaError("away", `The topic ${topic} has no partition ${partition}`);
      const records = messages.map(({ key, headers, value }) => ({
        topic,
        partition,
        key: Buffer.from(key),
        value: Buffer.from(value),
        headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
      }));
      await answered(client.send({ messages: records }));
    },
    close,
  };
}
