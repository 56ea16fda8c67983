import { Kafka, logLevel } from "kafkajs";

const SEEN_WITHIN_MS = 30_000;

/** A plain consumer of a topic that notes when it was given the first event of each aggregate. */
export class Arrivals implements AsyncDisposable {
  readonly #seen = new Map<string, PromiseWithResolvers<number>>();
  readonly #stack: AsyncDisposableStack;

  /** Reads what is published from now on. */
  static async open(topic: string, address: string): Promise<Arrivals> {
    await using stack = new AsyncDisposableStack();
    const kafka = new Kafka({ clientId: "plain-consumer", brokers: [address], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    stack.defer(() => admin.disconnect());
    await admin.connect();
    const consumer = kafka.consumer({ groupId: `plain-${crypto.randomUUID()}` });
    stack.defer(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    const arrivals = new Arrivals(stack.move());
    const joined = Promise.withResolvers<void>();
    consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message: { key } }) => arrivals.#of(String(key)).resolve(performance.now()),
    });
    await joined.promise;
    // By itself it would ask for the end of each partition only when it first fetches from it.
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      consumer.seek({ topic, partition, offset: high });
    }
    return arrivals;
  }

  private constructor(stack: AsyncDisposableStack) {
    this.#stack = stack;
  }

  /** The moment at which it came, by `performance.now()`. */
  async whenSeen(key: string): Promise<number> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`expected ${key} to be readable within ${SEEN_WITHIN_MS} ms, found that it is not`));
    }, SEEN_WITHIN_MS);
    try {
      return await Promise.race([this.#of(key).promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #of(key: string): PromiseWithResolvers<number> {
    const seen = this.#seen.get(key) ?? Promise.withResolvers<number>();
    this.#seen.set(key, seen);
    return seen;
  }
}
