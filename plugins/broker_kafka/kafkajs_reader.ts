import type { Buffer } from "node:buffer";
import type { Kafka } from "kafkajs";
import { type Fetched, type FetchOptions, type KafkaReader, type Offsets, type StoredRecord } from "./kafka_client.ts";
import { answered } from "./kafka_error.ts";
import type { Driver } from "./kafkajs_driver.ts";

/**
 * Of what the driver (2.2.4, its last release) makes its consumers of: it offers reading by groups alone, and a group
 * for each reader would cost the broker a rebalance each.
 */
type Cluster = {
  connect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
  findBroker(options: { readonly nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(topics: readonly TopicOffsets[]): Promise<
    readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]
  >;
};
type TopicOffsets = {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  readonly fromBeginning: boolean;
};
type Broker = {
  fetch(request: FetchRequest): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly messages: readonly FetchedMessage[] }[];
    }[];
  }>;
};
type FetchRequest = {
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly fetchOffset: string;
      readonly maxBytes: number;
    }[];
  }[];
};
type FetchedMessage = {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, unknown>>;
};

const READ_COMMITTED = 1;

/** Reads partitions without a group. */
export function openKafkajsReader(driver: Driver): KafkaReader {
  const cluster = clusterOf(driver.kafka);
  return {
    offsets: (topic) => answered(offsetsOf(cluster, topic)),
    fetch: (options) => answered(fetchFrom(cluster, options)),
    close: () => driver.close(),
  };
}

function clusterOf(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) =>
    description === "private:Kafka:createCluster"
  );
  const createCluster: unknown = symbol && Reflect.get(kafka, symbol);
  if (typeof createCluster !== "function") {
    throw new TypeError(
      "Cannot read topics with this version of kafkajs: expected 2.2.4; use KAFKA_CLIENT=platformatic",
    );
  }
  return createCluster({ allowAutoTopicCreation: false, metadataMaxAge: 60_000, isolationLevel: READ_COMMITTED });
}

async function offsetsOf(cluster: Cluster, topic: string): Promise<readonly Offsets[]> {
  await cluster.connect();
  await cluster.addTargetTopic(topic);
  const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }));
  const read = async (fromBeginning: boolean) => {
    const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
    return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
  };
  const first = await read(true);
  const next = await read(false);
  return Array.from(partitions, (_, at) => ({ first: first.get(at) ?? 0, next: next.get(at) ?? 0 }));
}

async function fetchFrom(cluster: Cluster, { topic, from, maxBytes, waitMs }: FetchOptions): Promise<Fetched> {
  await cluster.connect();
  await cluster.addTargetTopic(topic);
  const leaders = Object.entries(cluster.findLeaderForPartitions(topic, [...from.keys()]));
  const answers = await Promise.all(leaders.map(async ([nodeId, partitions]) => {
    const broker = await cluster.findBroker({ nodeId });
    return await broker.fetch({
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes,
      isolationLevel: READ_COMMITTED,
      topics: [{
        topic,
        partitions: partitions.map((partition) => ({
          partition,
          fetchOffset: String(from.get(partition) ?? 0),
          maxBytes,
        })),
      }],
    });
  }));
  const next = new Map(from);
  const records: StoredRecord[] = [];
  for (
    const { partition, messages } of answers.flatMap(({ responses }) => responses.flatMap((each) => each.partitions))
  ) {
    for (const message of messages) {
      const offset = Number(message.offset);
      // A batch is given whole, from its first record on.
      if (offset < (next.get(partition) ?? 0)) continue;
      next.set(partition, offset + 1);
      records.push(toRecord(partition, offset, message));
    }
  }
  return { records, next };
}

function toRecord(partition: number, offset: number, { key, value, headers = {} }: FetchedMessage): StoredRecord {
  const texts = Object.entries(headers).map(([name, header]) => [name, String(header)] as const);
  return { partition, offset, key: key?.toString(), headers: Object.fromEntries(texts), value: value?.toString() };
}
