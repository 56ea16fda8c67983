import { type Admin, Kafka, logLevel, type Message } from "kafkajs";
import { kafkaAddress } from "../server.ts";

export type Topic = AsyncDisposable & {
  readonly name: string;
  readonly admin: Admin;
  /** Settles when the broker has acknowledged them. */
  send(messages: Message[]): Promise<void>;
};

/** A topic of its own on the shared broker, or the one at `address`; deleted when disposed. */
export async function freshTopic(partitions: number, address = kafkaAddress()): Promise<Topic> {
  const kafka = new Kafka({ clientId: "test", brokers: [address], logLevel: logLevel.NOTHING });
  const name = `test-${crypto.randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: name, numPartitions: partitions }], waitForLeaders: true });
  return {
    name,
    admin,
    async send(messages) {
      const producer = kafka.producer({ idempotent: false, allowAutoTopicCreation: false });
      await producer.connect();
      try {
        await producer.send({ topic: name, acks: -1, messages });
      } finally {
        await producer.disconnect();
      }
    },
    async [Symbol.asyncDispose]() {
      await admin.deleteTopics({ topics: [name] });
      await admin.disconnect();
    },
  };
}
