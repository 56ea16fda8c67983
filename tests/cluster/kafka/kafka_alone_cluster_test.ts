import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Kafka, logLevel } from "kafkajs";
import { temporaryDirectory } from "../../service/service.ts";
import { describeForeground, whenEnded } from "../servers/foreground_suite.ts";
import type { JavaServer } from "../servers/java_server.ts";
import { startKafka } from "./kafka.ts";
import { answersKafka } from "./kafka_probe.ts";
import { readTopic } from "./plain_consumer.ts";

const PROBE_MS = 1_000;
const START_MS = 60_000;
const TOPIC = "kept";
const SENT = Array.from({ length: 1_000 }, (_, at) => `value ${at}`);

describe("startKafka", () => {
  it("answers nothing while paused, and answers again", async () => {
    await using kafka = await startKafka();
    kafka.pause();
    assertEquals(await answersKafka(kafka, PROBE_MS), false);
    kafka.resume();
    assertEquals(await answersKafka(kafka, START_MS), true);
  });

  it("has after a kill what it acknowledged, and takes more", async () => {
    await using kafka = await startKafka();
    await makeTopic(kafka);
    await send(kafka, SENT);
    await kafka.kill();
    assertEquals([kafka.isRunning, await answersKafka(kafka, PROBE_MS)], [false, false]);
    await kafka.restart();
    await send(kafka, ["one more"]);
    assertEquals(await valuesOf(kafka), [...SENT, "one more"]);
  });

  it("removes its directory when disposed, and keeps one that it was given", async () => {
    await using directory = await temporaryDirectory();
    let pid: number;
    {
      await using kafka = await startKafka({ directory: directory.path });
      pid = kafka.pid;
      await makeTopic(kafka);
      await send(kafka, SENT);
      const again = startKafka({ directory: directory.path });
      await assertRejects(() => again, Error, "found a server running there");
    }
    await whenEnded(pid);
    await using kafka = await startKafka({ directory: directory.path });
    assertEquals(await valuesOf(kafka), SENT);
  });

  it("makes no topic by itself, and is set up as it is told", async () => {
    await using kafka = await startKafka({ settings: { "message.max.bytes": "1000" } });
    await assertRejects(() => send(kafka, ["value"]), Error, "does not host this topic-partition");
    await makeTopic(kafka);
    await assertRejects(() => send(kafka, ["x".repeat(1_000)]), Error, "larger than the max message size");
  });

  it("says what the server logged when that ends before it is ready", async () => {
    const starting = startKafka({ heap: "8m" });
    const error = await assertRejects(() => starting, Error, "expected Kafka to start, found that it ended:");
    assertStringIncludes(error.message, "heap");
  });

  it("says what is wrong with its configuration", async () => {
    const starting = startKafka({ settings: { "num.io.threads": "none" } });
    const error = await assertRejects(() => starting, Error, "expected Kafka to format its directory, found:");
    assertStringIncludes(error.message, "Invalid value none for configuration num.io.threads");
  });
});

describeForeground("kafka", startKafka);

async function makeTopic({ address }: JavaServer): Promise<void> {
  const admin = clientOf(address).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
}

async function send({ address }: JavaServer, values: readonly string[]): Promise<void> {
  const producer = clientOf(address).producer({ idempotent: false, allowAutoTopicCreation: false });
  await producer.connect();
  try {
    await producer.send({ topic: TOPIC, acks: -1, messages: values.map((value) => ({ key: "key", value })) });
  } finally {
    await producer.disconnect();
  }
}

async function valuesOf({ address }: JavaServer): Promise<(string | null)[]> {
  return (await readTopic(TOPIC, { address, client: "platformatic" })).map(({ value }) => value);
}

function clientOf(address: string): Kafka {
  return new Kafka({ clientId: "test", brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 3 } });
}
