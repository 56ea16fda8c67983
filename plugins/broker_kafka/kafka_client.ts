import type { TopicMessage } from "../../core/ports/broker.ts";

/** A record as a topic holds it; what a foreign producer wrote may lack anything. */
export type StoredRecord = {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string | undefined;
};

/** What is fetched: records in the order of their offsets within a partition, and from where to go on by partition. */
export type Fetched = { readonly records: readonly StoredRecord[]; readonly next: ReadonlyMap<number, number> };

/** The first offset that a partition still holds, and the one that its next record will have. */
export type Offsets = { readonly first: number; readonly next: number };

export type TopicSettings = {
  readonly partitions: number;
  /** Undefined: three, or as many as there are brokers. */
  readonly replication: number | undefined;
  readonly retentionMs: number;
};

/** All that is asked of a Kafka client. Every call throws a `KafkaError`, and ends within the client's time limits. */
export type KafkaClient = {
  /** Makes the topics that are missing, and tells how many partitions each has. */
  ensureTopics(topics: readonly string[], settings: TopicSettings): Promise<ReadonlyMap<string, number>>;
  openProducer(): Promise<KafkaProducer>;
  openReader(): Promise<KafkaReader>;
  /** Resolves once every connection is closed, those of producers and readers that were closed before included. */
  close(): Promise<void>;
};

/** To be closed after any error but `rejected`. */
export type KafkaProducer = {
  /**
   * Stores the messages in one batch, all or none, in this order, and resolves once all replicas in sync have it. To be
   * called for one batch at a time.
   */
  send(batch: Batch): Promise<void>;
  close(): void;
};

export type Batch = {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly TopicMessage[];
};

/** To be closed after any error but `out_of_range`. Calls wait for one another. */
export type KafkaReader = {
  /** By partition. */
  offsets(topic: string): Promise<readonly Offsets[]>;
  /** Waits so long for something to come, where nothing is there. */
  fetch(options: FetchOptions): Promise<Fetched>;
  close(): void;
};

export type FetchOptions = {
  readonly topic: string;
  /** The first offset wanted, by partition. */
  readonly from: ReadonlyMap<number, number>;
  /** About so much at most, and at least one record. */
  readonly maxBytes: number;
  readonly waitMs: number;
};

/** Whom the client of a service connects as, and where. */
export type KafkaAccess = {
  /** Each as `host:port`. */
  readonly brokers: readonly string[];
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly sasl: SaslAccess | undefined;
};

export type SaslAccess = {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
};

/** How long an answer is waited for. */
export type KafkaTimes = { readonly connectMs: number; readonly requestMs: number };

export const KAFKA_TIMES: KafkaTimes = { connectMs: 3_000, requestMs: 10_000 };

/** What a topic is made with, besides partitions and replication. */
export function topicConfig(replication: number, { retentionMs }: TopicSettings): Record<string, string> {
  return { "min.insync.replicas": String(Math.min(2, replication)), "retention.ms": String(retentionMs) };
}

export const MAX_REPLICATION = 3;
