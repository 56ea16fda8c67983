import type { SendOutcome, TopicMessage } from "../../core/ports/broker.ts";
import type { Batch, KafkaProducer } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";

/** A message and where what became of it goes. */
export type Item = { readonly message: TopicMessage; readonly settle: (outcome: SendOutcome) => void };

export type Delivery = { readonly topic: string; readonly partition: number; readonly items: readonly Item[] };

export type LaneParts = {
  readonly openProducer: () => Promise<KafkaProducer>;
  /** Rejects with a `KafkaError` when the work takes too long. */
  readonly inTime: <T>(work: Promise<T>) => Promise<T>;
};

/** Well below what a broker takes by default. A message that is larger goes alone. */
const BATCH_BYTES = 500_000;
const BATCH_MESSAGES = 1_000;

/**
 * One producer and one batch of it under way at a time. Batches of a partition go one after the other, each once the
 * one before is acknowledged. After an error that leaves open what was stored the producer is not used again.
 */
export class Lane {
  readonly #parts: LaneParts;
  #producer: KafkaProducer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** Settles every item, or throws a `KafkaError` with which any that is not settled may have been stored. */
  deliver(delivery: Delivery): Promise<void> {
    const turn = this.#last.then(() => this.#deliverAll(delivery));
    this.#last = turn.catch(() => {});
    return turn;
  }

  close(): void {
    this.#isClosed = true;
    this.#discard();
  }

  async #deliverAll({ items, ...place }: Delivery): Promise<void> {
    const refused = new Set<string>();
    for (const batch of batchesOf(items)) await this.#deliverBatch(place, batch, refused);
  }

  /**
   * A batch that is refused is cut into halves, in order, until the messages stand alone that cannot be stored. What
   * follows one of those under its key is held back.
   */
  async #deliverBatch(place: Omit<Batch, "messages">, batch: readonly Item[], refused: Set<string>): Promise<void> {
    const [held = [], items = []] = [true, false].map((is) =>
      batch.filter(({ message: { key } }) => refused.has(key) === is)
    );
    for (const { settle } of held) settle({ is: "held_back" });
    if (items.length === 0) return;
    const refusal = await this.#store({ ...place, messages: items.map(({ message }) => message) });
    if (refusal === undefined) {
      for (const { settle } of items) settle({ is: "durable" });
    } else if (items.length > 1) {
      const middle = Math.ceil(items.length / 2);
      await this.#deliverBatch(place, items.slice(0, middle), refused);
      await this.#deliverBatch(place, items.slice(middle), refused);
    } else {
      for (const { message: { key }, settle } of items) {
        refused.add(key);
        settle({ is: "refused", reason: refusal });
      }
    }
  }

  /** Undefined when all of it is stored, or why it never will be. */
  async #store(batch: Batch): Promise<string | undefined> {
    if (this.#isClosed) throw new KafkaError("away", "the service is stopping");
    try {
      const producer = this.#producer ??= await this.#open();
      await this.#parts.inTime(producer.send(batch));
      return undefined;
    } catch (error) {
      if (error instanceof KafkaError && error.kind === "rejected") return error.message;
      this.#discard();
      throw error;
    }
  }

  async #open(): Promise<KafkaProducer> {
    const opening = this.#parts.openProducer();
    try {
      const producer = await this.#parts.inTime(opening);
      if (!this.#isClosed) return producer;
      throw new KafkaError("away", "the service is stopping");
    } catch (error) {
      opening.then((producer) => producer.close(), () => {});
      throw error;
    }
  }

  #discard(): void {
    this.#producer?.close();
    this.#producer = undefined;
  }
}

function* batchesOf(items: readonly Item[]): Generator<readonly Item[], void> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item.message);
    if (batch.length > 0 && (bytes + size > BATCH_BYTES || batch.length >= BATCH_MESSAGES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** About the bytes of a record: at most thrice as many where no character is ASCII, and then a refusal halves it. */
function sizeOf({ key, headers, value }: TopicMessage): number {
  let size = key.length + value.length + 100;
  for (const name in headers) size += name.length + (headers[name]?.length ?? 0) + 4;
  return size;
}
