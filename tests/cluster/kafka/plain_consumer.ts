import { Consumer } from "@platformatic/kafka";
import { Kafka, logLevel } from "kafkajs";
import { within } from "../../contract/surroundings.ts";

/** A message as it stands in the topic. */
export type PlainRecord = {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: bigint;
};

export const STOCK_CLIENTS = ["kafkajs", "platformatic"] as const;
export type StockClient = typeof STOCK_CLIENTS[number];

export type Reading = {
  /** `host:port` of the broker. */
  readonly address: string;
  /** The one that the producer under test does not use. */
  readonly client: StockClient;
  /** 60 s when left out. */
  readonly timeoutMs?: number;
};

/**
 * Every message that the topic has when asked, read with a stock client and nothing of ours: those of a partition in
 * the order in which the broker gives them. It commits nothing. Rejects when it takes longer than the limit, or when
 * there is no such topic.
 */
export async function readTopic(
  topic: string,
  { address, client, timeoutMs = 60_000 }: Reading,
): Promise<PlainRecord[]> {
  await using stack = new AsyncDisposableStack();
  const reading = { kafkajs: readByKafkajs, platformatic: readByPlatformatic }[client]({ topic, address, stack });
  return await within(reading, timeoutMs, `all of ${topic} to be read with ${client}`);
}

type Task = { readonly topic: string; readonly address: string; readonly stack: AsyncDisposableStack };

async function readByKafkajs({ topic, address, stack }: Task): Promise<PlainRecord[]> {
  const kafka = new Kafka({ clientId: "plain-consumer", brokers: [address], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  stack.defer(() => admin.disconnect());
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  const records = new Collection(
    offsets.map(({ partition, low, high }) => ({ partition, first: BigInt(low), end: BigInt(high) })),
  );
  const consumer = kafka.consumer({ groupId: `plain-${crypto.randomUUID()}`, maxWaitTimeInMs: 100 });
  stack.defer(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch: { partition, messages } }) => {
      for (const { key, value, headers = {}, offset } of messages) {
        const named = Object.entries(headers).map(([name, header]): [string, string] => [name, String(header)]);
        records.add({
          key: textOf(key),
          value: textOf(value),
          headers: Object.fromEntries(named),
          partition,
          offset: BigInt(offset),
        });
      }
    },
  });
  return await records.complete;
}

async function readByPlatformatic({ topic, address, stack }: Task): Promise<PlainRecord[]> {
  const consumer = new Consumer({
    clientId: "plain-consumer",
    groupId: `plain-${crypto.randomUUID()}`,
    bootstrapBrokers: [address],
    maxWaitTime: 100,
  });
  stack.defer(() => consumer.close(true));
  const offsetsAt = async (timestamp: bigint) =>
    (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
  const firsts = await offsetsAt(EARLIEST);
  const ends = await offsetsAt(LATEST);
  const records = new Collection(ends.map((end, partition) => ({ partition, first: firsts[partition] ?? 0n, end })));
  if (records.isComplete) return await records.complete;
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
  for await (const { key, value, headers, partition, offset } of stream) {
    const named = [...headers].map(([name, header]) => [String(name), String(header)] as const);
    records.add({ key: textOf(key), value: textOf(value), headers: Object.fromEntries(named), partition, offset });
    if (records.isComplete) break;
  }
  return await records.complete;
}

/** What the protocol calls the first offset that there is, and the one behind the last. */
const EARLIEST = -2n;
const LATEST = -1n;

/** Offsets of a partition: the first that is wanted next, and the one behind the last. */
type Range = { readonly partition: number; readonly first: bigint; readonly end: bigint };

/** What is read of these ranges, and when it is all of them. */
class Collection {
  readonly #records: PlainRecord[] = [];
  readonly #missing: Map<number, Range>;
  readonly #complete = Promise.withResolvers<PlainRecord[]>();

  constructor(ranges: readonly Range[]) {
    const wanted = ranges.filter(({ first, end }) => first < end);
    this.#missing = new Map(wanted.map((range) => [range.partition, range]));
    this.#settle();
  }

  get isComplete(): boolean {
    return this.#missing.size === 0;
  }

  get complete(): Promise<PlainRecord[]> {
    return this.#complete.promise;
  }

  /** Leaves out what a client reads once more, as after a rebalance, and what came since the end was asked for. */
  add(record: PlainRecord): void {
    const range = this.#missing.get(record.partition);
    if (range === undefined || record.offset < range.first || record.offset >= range.end) return;
    this.#records.push(record);
    const first = record.offset + 1n;
    if (first < range.end) this.#missing.set(record.partition, { ...range, first });
    else this.#missing.delete(record.partition);
    this.#settle();
  }

  #settle(): void {
    if (this.isComplete) this.#complete.resolve(this.#records);
  }
}

function textOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : new TextDecoder().decode(bytes);
}
