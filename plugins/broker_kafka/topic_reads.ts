import type { Fetched, FetchOptions, KafkaClient, KafkaReader, Offsets, StoredRecord } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import type { Topics } from "./topics.ts";

export type ReadParts = {
  readonly client: Pick<KafkaClient, "openReader">;
  readonly topics: Pick<Topics, "require" | "forget">;
};

const NO_WAIT_MS = 0;
const ONE_RECORD = 1;

/** Short reads of topics, one after the other on one connection, so that many readers cost no more memory than one. */
export class TopicReads {
  readonly #parts: ReadParts;
  #reader: KafkaReader | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  /** Makes the topic, where it is missing. Throws a `KafkaError` or `Unavailable`, like all of it. */
  async offsets(topic: string): Promise<readonly Offsets[]> {
    await this.#parts.topics.require();
    return await this.#read((reader) => reader.offsets(topic));
  }

  fetch(options: Omit<FetchOptions, "waitMs">): Promise<Fetched> {
    return this.#read((reader) => reader.fetch({ ...options, waitMs: NO_WAIT_MS }));
  }

  /** Whether that very event is at that offset, or may have been: what is not kept any more was there once. */
  async isThere(topic: string, { partition, offset, headers }: StoredRecord): Promise<boolean> {
    const found = await this.recordAt(topic, { partition, offset });
    return found === "not kept" || found?.headers.ce_id === headers.ce_id;
  }

  async recordAt(
    topic: string,
    { partition, offset }: Pick<StoredRecord, "partition" | "offset">,
  ): Promise<StoredRecord | "not kept" | undefined> {
    const place = (await this.offsets(topic))[partition];
    if (place === undefined || offset >= place.next) return undefined;
    if (offset < place.first) return "not kept";
    const { records } = await this.fetch({ topic, from: new Map([[partition, offset]]), maxBytes: ONE_RECORD });
    return records.find((record) => record.offset === offset);
  }

  close(): void {
    this.#isClosed = true;
    this.#reader?.close();
  }

  #read<T>(work: (reader: KafkaReader) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#readNow(work));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #readNow<T>(work: (reader: KafkaReader) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new KafkaError("away", "the service is stopping");
    try {
      return await work(this.#reader ??= await this.#parts.client.openReader());
    } catch (error) {
      if (error instanceof KafkaError && error.kind === "out_of_range") throw error;
      if (error instanceof KafkaError && error.kind === "unknown_topic") this.#parts.topics.forget();
      this.#reader?.close();
      this.#reader = undefined;
      throw error;
    }
  }
}
