import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { SendOutcome, TopicMessage } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { KafkaProducer } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { partitionOf } from "./partitions.ts";
import { createSender } from "./sender.ts";
import { keptLog, openBranch, realRuntime, until } from "../../tests/contract/surroundings.ts";
import { CLIENTS, messageOf, openTestClient, SETTINGS, uniqueTopic } from "./test_kafka.ts";
import { openRig } from "./test_rig.ts";
import { Topics } from "./topics.ts";

const TOO_LARGE = JSON.stringify("x".repeat(1_200_000));
/** Longer than an answer takes that comes, from a server that stands still for seconds, too. */
const DEADLINE_MS = 10_000;
const LARGE = JSON.stringify("x".repeat(300_000));

for (const name of ["kafkajs", "platformatic"] as const) {
  describe(`the sender on ${name}`, () => {
    sends(name);
    refuses(name);
    recovers(name);
  });
}

function sends(name: keyof typeof CLIENTS): void {
  it("puts each key where every client looks for it, in order, however many there are", async () => {
    await using rig = await openRig(name);
    const keys = Array.from({ length: 40 }, (_, at) => `key-${at}`);
    const messages = Array.from({ length: 5_000 }, (_, at) => messageOf(keys[at % 40] ?? "", Math.floor(at / 40) + 1));
    const outcomes = await rig.sender.send(rig.topic, messages);
    assertEquals(outcomes, Array(5_000).fill({ is: "durable" }));
    for (const key of keys) {
      const stored = await rig.stored(key);
      assertEquals(stored.map(sequenceOf), Array.from({ length: 125 }, (_, at) => at + 1));
      assertEquals(new Set(stored.map(({ partition }) => partition)), new Set([partitionOf(key, 3)]));
    }
  });

  it("sends what is too much for one batch in several", async () => {
    await using rig = await openRig(name);
    const messages = Array.from({ length: 12 }, (_, at) => messageOf("a", at + 1, LARGE));
    assertEquals(await rig.sender.send(rig.topic, messages), Array(12).fill({ is: "durable" }));
    assertEquals((await rig.stored("a")).map(sequenceOf), Array.from({ length: 12 }, (_, at) => at + 1));
  });
}

function refuses(name: keyof typeof CLIENTS): void {
  it("finds the one message among thousands that is too large, and holds back what follows under its key", async () => {
    await using rig = await openRig(name);
    const messages = Array.from({ length: 3_000 }, (_, at) => messageOf(`key-${at % 30}`, Math.floor(at / 30) + 1));
    const poison = 1_507;
    messages[poison] = { ...messages[poison] ?? messageOf("", 0), value: TOO_LARGE };
    const outcomes = await rig.sender.send(rig.topic, messages);
    const expected: string[] = messages.map((_, at) =>
      at < poison || at % 30 !== poison % 30 ? "durable" : "held_back"
    );
    assertEquals(outcomes.map(({ is }) => is), expected.with(poison, "refused"));
    for (let at = 0; at < 30; at++) {
      const count = at === poison % 30 ? Math.floor(poison / 30) : 100;
      const firsts = [...new Set((await rig.stored(`key-${at}`)).map(sequenceOf))];
      assertEquals(firsts, Array.from({ length: count }, (_, of) => of + 1));
    }
  });
}

function recovers(name: keyof typeof CLIENTS): void {
  it("makes a topic again that was deleted, and sends to it", async () => {
    await using rig = await openRig(name);
    await rig.publish(rig.topic, "a", 3);
    await rig.deleteTopic();
    await assertRejects(() => rig.sender.send(rig.topic, [messageOf("a", 4)]), Unavailable);
    const messages: readonly TopicMessage[] = [messageOf("a", 5)];
    let outcomes: readonly SendOutcome[] | undefined;
    await until(async () => {
      outcomes = await rig.sender.send(rig.topic, messages).catch(onlyUnavailable);
      return outcomes !== undefined;
    });
    assertEquals(outcomes, [{ is: "durable" }]);
    // An attempt that was not answered in time may have been stored, too.
    assertEquals(new Set((await rig.stored("a")).map(sequenceOf)), new Set([5]));
  });

  it("refuses a topic with other partitions at the start, and says what to do", async () => {
    const client = openTestClient(name);
    const topic = uniqueTopic();
    await client.ensureTopics([topic], SETTINGS);
    const log = keptLog();
    const branch = openBranch({ runtime: realRuntime, log });
    const parts = { client, names: [topic], runtime: realRuntime, log, branch };
    const topics = new Topics({ ...parts, settings: { ...SETTINGS, partitions: 6 } });
    const expected = "expected 6 partitions, found 3; set KAFKA_PARTITIONS=3, or delete the topic and republish";
    await assertRejects(() => topics.start(new AbortController().signal), StartError, expected);
    await topics.stop();
    await client.close();
  });

  it("opens another producer after an answer that it had to give up, and closes the one before", async () => {
    await using rig = await openRig(name);
    const producers = { opened: 0, closed: 0 };
    const openProducer = async (): Promise<KafkaProducer> => {
      const producer = await rig.client.openProducer();
      producers.opened += 1;
      return {
        send: (batch) => producers.opened === 1 ? new Promise(() => {}) : producer.send(batch),
        close() {
          producers.closed += 1;
          producer.close();
        },
      };
    };
    const parts = { client: { openProducer }, topics: rig.topics, partitions: 3, runtime: realRuntime };
    const sender = createSender({ ...parts, deadlineMs: DEADLINE_MS });
    const unanswered = () => sender.send(rig.topic, [messageOf("a", 1)]);
    await assertRejects(unanswered, Unavailable, `has not answered for ${DEADLINE_MS} ms`);
    assertEquals(producers, { opened: 1, closed: 1 });
    assertEquals(await sender.send(rig.topic, [messageOf("a", 1)]), [{ is: "durable" }]);
    sender.stop();
    assertEquals(producers, { opened: 2, closed: 2 });
    await assertRejects(() => sender.send(rig.topic, [messageOf("a", 1)]), Unavailable, "stopping");
  });
}

function sequenceOf({ headers }: { readonly headers: Readonly<Record<string, string>> }): number {
  return Number(headers.ce_sequence);
}

function onlyUnavailable(error: unknown): undefined {
  if (!(error instanceof Unavailable || error instanceof KafkaError)) throw error;
}
