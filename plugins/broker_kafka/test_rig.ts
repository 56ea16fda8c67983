import { Kafka, logLevel } from "kafkajs";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { KafkaTimes, StoredRecord } from "./kafka_client.ts";
import { KafkaBroker } from "./kafka_broker.ts";
import { partitionOf } from "./partitions.ts";
import { createSender } from "./sender.ts";
import { keptLog, openBranch, realRuntime, until } from "../../tests/contract/surroundings.ts";
import {
  brokerAddress,
  type CLIENTS,
  messageOf,
  openTestClient,
  SETTINGS,
  uniqueTopic,
  whenLed,
} from "./test_kafka.ts";
import { Topics } from "./topics.ts";

export type RigOptions = {
  readonly topicNames?: readonly string[];
  readonly times?: KafkaTimes;
  readonly deadlineMs?: number;
};

/** All parts of the plugin over one client of a real broker, on two topics of their own. */
export async function openRig(name: keyof typeof CLIENTS, options: RigOptions = {}) {
  const { topicNames = [uniqueTopic("one"), uniqueTopic("other")], times, deadlineMs } = options;
  const client = openTestClient(name, times);
  const log = keptLog();
  const branch = openBranch({ runtime: realRuntime, log });
  const parts = { client, runtime: realRuntime, log, branch };
  const topics = new Topics({ ...parts, names: topicNames, settings: SETTINGS });
  const { partitions } = SETTINGS;
  const sender = createSender({ ...parts, topics, partitions, ...(deadlineMs === undefined ? {} : { deadlineMs }) });
  const broker = new KafkaBroker({ ...parts, topics, names: new Set(topicNames) });
  await topics.start(new AbortController().signal);
  for (const name of topicNames) await whenLed(client, name);
  const sequences = new Map<string, number>();
  const [topic = "", otherTopic = ""] = topicNames;
  return {
    ...{ client, topics, sender, broker, topic, otherTopic, lines: log.lines },
    async publish(name: string, key: string, count: number): Promise<void> {
      const last = sequences.get(`${name}/${key}`) ?? 0;
      sequences.set(`${name}/${key}`, last + count);
      const messages = Array.from({ length: count }, (_, at) => messageOf(key, last + at + 1));
      await until(() => orUnavailable(sender.send(name, messages)));
    },
    /** Of the first topic, as the broker has them. */
    async stored(key: string): Promise<readonly StoredRecord[]> {
      const reader = await client.openReader();
      const partition = partitionOf(key, partitions);
      const end = (await reader.offsets(topic))[partition]?.next ?? 0;
      const records: StoredRecord[] = [];
      for (let at = 0; at < end;) {
        const from = new Map([[partition, at]]);
        const fetched = await reader.fetch({ topic, from, maxBytes: 10_000_000, waitMs: 0 });
        records.push(...fetched.records);
        at = fetched.next.get(partition) ?? end;
      }
      reader.close();
      return records.filter((record) => record.key === key);
    },
    deleteTopic: () => deleteTopic(topic),
    async [Symbol.asyncDispose]() {
      sender.stop();
      await Promise.all([broker.stop(), topics.stop()]);
      await client.close();
    },
  };
}

/** Whether it was done: what was not is done again, as a subscription does. */
function orUnavailable(work: Promise<unknown>): Promise<boolean> {
  return work.then(() => true, (error: unknown) => {
    if (error instanceof Unavailable) return false;
    throw error;
  });
}

/** Until it is gone the broker takes messages for it. */
async function deleteTopic(topic: string): Promise<void> {
  const admin = new Kafka({ brokers: [brokerAddress()], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await until(async () => !(await admin.listTopics()).includes(topic));
  await admin.disconnect();
}
