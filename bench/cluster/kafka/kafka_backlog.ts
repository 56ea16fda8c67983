import { PUBLISHER } from "../../../core/engine/publication.ts";
import { kafkaConfig, settingsOf } from "../../../plugins/broker_kafka/config.ts";
import { KAFKA_TIMES, type KafkaReader } from "../../../plugins/broker_kafka/kafka_client.ts";
import { createKafkajsClient } from "../../../plugins/broker_kafka/kafkajs_client.ts";
import { Child, scratchDirectory, startService, V8_FLAGS } from "../../../tasks/child.ts";
import { openAccounts } from "../../load.ts";
import { whenCaughtUp } from "../../metrics.ts";
import { untilAppended } from "../../volume.ts";
import { drained } from "../copy.ts";
import type { Given } from "../part.ts";

export const CLIENTS = ["kafkajs", "platformatic"] as const;

/** Events a second; of the raw client the mean of before and after. */
export type KafkaBacklog = {
  readonly client: typeof CLIENTS[number];
  readonly perSecond: number;
  readonly rawPerSecond: number;
};

const TOPIC = "account-events";
const RAW_TOPIC = "raw-events";

type Task = {
  readonly client: KafkaBacklog["client"];
  /** Of the broker. */
  readonly address: string;
  readonly partitions: number;
  /** With events of which nothing is published. */
  readonly directory: string;
  readonly reader: KafkaReader;
};

/**
 * How fast the service publishes what came before there was a broker, its views being up to date, and how fast the bare
 * client sends the same batches one at a time. On the embedded store, which keeps up with either.
 */
export async function measureKafkaBacklog({ kafka, scale, say }: Given): Promise<readonly KafkaBacklog[]> {
  const { address } = await kafka();
  const config = kafkaConfig.parse({ REDPANDA_BROKERS: address });
  const access = { brokers: config.REDPANDA_BROKERS, tls: undefined, sasl: undefined };
  const plain = createKafkajsClient(access, KAFKA_TIMES);
  await plain.ensureTopics([TOPIC, RAW_TOPIC], settingsOf(config));
  const reader = await plain.openReader();
  await using directory = await scratchDirectory("bench");
  await fill(directory.path, scale.unpublishedEvents);
  const found: KafkaBacklog[] = [];
  for (const client of CLIENTS) {
    const task = { client, address, partitions: config.KAFKA_PARTITIONS, directory: directory.path, reader };
    await sendRaw(task);
    let before = await sendRaw(task);
    for (let round = 1; round <= scale.rounds; round++) {
      const perSecond = await publish(task, before.events);
      const after = await sendRaw(task);
      const rawPerSecond = (before.perSecond + after.perSecond) / 2;
      say(`${client} ${round}: ${Math.round(perSecond)} events/s published, raw ${Math.round(rawPerSecond)}/s`);
      found.push({ client, perSecond, rawPerSecond });
      before = after;
    }
  }
  reader.close();
  await plain.close();
  return found;
}

async function fill(directory: string, events: number): Promise<void> {
  await using service = await startService(directory);
  await openAccounts(service.url);
  await untilAppended(service, events);
  await whenCaughtUp(service);
}

/** The service on a copy of the directory, so that there is the same to be published in every round. */
async function publish({ client, address, directory, reader }: Task, events: number): Promise<number> {
  await using copied = await scratchDirectory("bench");
  for await (const { name, isFile } of Deno.readDir(directory)) {
    if (isFile) await Deno.copyFile(`${directory}/${name}`, `${copied.path}/${name}`);
  }
  const storedBefore = await storedIn(reader);
  await using service = await startService(copied.path, {
    task: "start:cluster",
    environment: { REDPANDA_BROKERS: address, KAFKA_CLIENT: client },
  });
  const perSecond = await drained(service, { subscription: PUBLISHER, events });
  const stored = await storedIn(reader) - storedBefore;
  if (stored !== events) throw new Error(`expected ${events} events to be published, found ${stored} in ${TOPIC}`);
  return perSecond;
}

/** How many events the topic holds. */
async function storedIn(reader: KafkaReader): Promise<number> {
  return (await reader.offsets(TOPIC)).reduce((sum, { next }) => sum + next, 0);
}

async function sendRaw(
  { client, address, partitions, directory }: Task,
): Promise<{ readonly events: number; readonly perSecond: number }> {
  const flags = [...V8_FLAGS, "--no-prompt", "--allow-net", "--allow-env", "--allow-read", "--allow-write=data"];
  const main = "bench/cluster/kafka/raw_producer.ts";
  await using raw = await Child.start({
    args: ["run", ...flags, main, client, address, RAW_TOPIC, String(partitions), directory],
    ready: /sent (\d+) events in (\d+) ms/,
  });
  await raw.exited;
  const [, events, ms] = raw.printed;
  return { events: Number(events), perSecond: Number(events) / Number(ms) * 1000 };
}
