import type { Buffer } from "node:buffer";
import { type Admin, fetchV11, ListOffsetTimestamps } from "@platformatic/kafka";
import type { Fetched, FetchOptions, KafkaReader, Offsets, StoredRecord } from "./kafka_client.ts";
import { answered, KafkaError } from "./kafka_error.ts";

/** One client of the driver, and what cuts its connections. */
export type Registered<T> = { readonly client: T; readonly close: () => void };

type FetchResponse = Awaited<ReturnType<typeof fetchV11.api.async>>;

const READ_COMMITTED = 1;
/** Every fetch stands alone: several may be under way. */
const NO_SESSION = { id: 0, epoch: -1 };
const CONTROL = 0x20;

/** Reads partitions without a group, by Kafka's protocol as all servers since 2.3 speak it. */
export function openPlatformaticReader({ client, close }: Registered<Admin>): KafkaReader {
  return {
    offsets: (topic) => answered(offsetsOf(client, topic)),
    fetch: (options) => answered(fetchFrom(client, options)),
    close,
  };
}

async function offsetsOf(admin: Admin, topic: string): Promise<readonly Offsets[]> {
  const { partitions } = await topicOf(admin, topic, { forceUpdate: true });
  const read = async (timestamp: bigint) => {
    const asked = partitions.map((_, partitionIndex) => ({ partitionIndex, timestamp }));
    const [found] = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
    return new Map((found?.partitions ?? []).map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
  };
  const first = await read(ListOffsetTimestamps.EARLIEST);
  const next = await read(ListOffsetTimestamps.LATEST);
  return partitions.map((_, at) => ({ first: first.get(at) ?? 0, next: next.get(at) ?? 0 }));
}

async function topicOf(admin: Admin, topic: string, options: { readonly forceUpdate?: boolean } = {}) {
  const metadata = await admin.metadata({ topics: [topic], ...options });
  const found = metadata.topics.get(topic);
  if (found === undefined) throw new KafkaError("unknown_topic", `Kafka: there is no topic ${topic}`);
  return found;
}

async function fetchFrom(admin: Admin, { topic, from, maxBytes, waitMs }: FetchOptions): Promise<Fetched> {
  const { partitions } = await topicOf(admin, topic);
  const leaders = Map.groupBy(from.keys(), (partition) => partitions[partition]?.leader ?? -1);
  const connections = await admin.connectToBrokers([...leaders.keys()]);
  const answers = await Promise.all([...leaders].map(([leader, wanted]) => {
    const connection = connections.get(leader);
    if (connection === undefined) throw new KafkaError("away", `Kafka: the leader of ${topic} is not known`);
    const request = wanted.map((partition) => ({
      partition,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      fetchOffset: BigInt(from.get(partition) ?? 0),
      partitionMaxBytes: maxBytes,
    }));
    const { id, epoch } = NO_SESSION;
    const topics = [{ topicId: topic, partitions: request }];
    return fetchV11.api.async(connection, waitMs, 1, maxBytes, READ_COMMITTED, id, epoch, topics, [], "");
  }));
  return toFetched(answers, from);
}

function toFetched(answers: readonly FetchResponse[], from: ReadonlyMap<number, number>): Fetched {
  const next = new Map(from);
  const stored: StoredRecord[] = [];
  for (const answer of answers) {
    for (const { partitionIndex: partition, records } of answer.responses.flatMap((each) => each.partitions)) {
      for (const batch of records ?? []) {
        const firstOffset = Number(batch.firstOffset);
        for (const { offsetDelta, key, value, headers } of batch.records) {
          const offset = firstOffset + offsetDelta;
          // A batch is given whole, from its first record on.
          if (offset < (next.get(partition) ?? 0) || (batch.attributes & CONTROL) !== 0) continue;
          stored.push({ partition, offset, key: textOf(key), headers: textsOf(headers), value: textOf(value) });
        }
        next.set(partition, Math.max(next.get(partition) ?? 0, firstOffset + batch.lastOffsetDelta + 1));
      }
    }
  }
  return { records: stored, next };
}

function textOf(bytes: Buffer | null): string | undefined {
  return bytes?.toString();
}

function textsOf(headers: readonly (readonly [Buffer | null, Buffer | null])[]): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [String(name), String(value)]));
}
