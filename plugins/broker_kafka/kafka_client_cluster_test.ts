import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { KafkaClient, StoredRecord } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { brokerAddress, CLIENTS, messageOf, openTestClient, SETTINGS, uniqueTopic, whenLed } from "./test_kafka.ts";

const TOO_LARGE = 1_200_000;

for (const name of ["kafkajs", "platformatic"] as const) {
  describe(`the client on ${name}`, () => {
    makesTopics(name);
    stores(name);
    reads(name);
    fails(name);
  });
}

function makesTopics(name: keyof typeof CLIENTS): void {
  it("makes topics that are missing, leaves others alone, and tells the partitions of each", async () => {
    await using opened = open(name);
    const { client } = opened;
    const [first, second] = [uniqueTopic(), uniqueTopic()];
    assertEquals(await client.ensureTopics([first], SETTINGS), new Map([[first, 3]]));
    const both = await client.ensureTopics([first, second], { ...SETTINGS, partitions: 5 });
    assertEquals(both, new Map([[first, 3], [second, 5]]));
  });

  it("makes a topic once when two copies make it", async () => {
    await using opened = open(name);
    await using other = open(name);
    const topic = uniqueTopic();
    const made = [opened, other].map(({ client }) => client.ensureTopics([topic], SETTINGS));
    assertEquals(await Promise.all(made), [new Map([[topic, 3]]), new Map([[topic, 3]])]);
  });
}

function stores(name: keyof typeof CLIENTS): void {
  it("stores batches in their partitions, in order, keys, headers and values as they are", async () => {
    await using opened = open(name);
    const { topic } = await opened.topic();
    const producer = await opened.client.openProducer();
    const hard = messageOf("äß漢字🎉", 1, JSON.stringify({ text: "\u0000 \\ 🎉" }));
    await producer.send({ topic, partition: 2, messages: [hard, messageOf("a", 1), messageOf("b", 1)] });
    await producer.send({ topic, partition: 2, messages: [messageOf("a", 2)] });
    await producer.send({ topic, partition: 0, messages: [messageOf("c", 1)] });
    const records = await opened.readAll(topic);
    assertEquals(records.filter(({ partition }) => partition === 2).map(placeOf), ["äß漢字🎉/1", "a/1", "b/1", "a/2"]);
    assertEquals(records.filter(({ partition }) => partition === 0).map(placeOf), ["c/1"]);
    const [first] = records.filter(({ partition }) => partition === 2);
    assertEquals({ key: first?.key, headers: first?.headers, value: first?.value }, hard);
    producer.close();
  });

  it("says of a batch that the broker refuses that nothing of it is stored, and goes on", async () => {
    await using opened = open(name);
    const { topic } = await opened.topic();
    const producer = await opened.client.openProducer();
    const large = messageOf("b", 1, JSON.stringify("x".repeat(TOO_LARGE)));
    const refused = producer.send({ topic, partition: 0, messages: [messageOf("a", 1), large] });
    assertEquals((await assertRejects(() => refused, KafkaError)).kind, "rejected");
    await producer.send({ topic, partition: 0, messages: [messageOf("a", 2)] });
    assertEquals((await opened.readAll(topic)).map(placeOf), ["a/2"]);
    producer.close();
  });

  it("tells when there is no such topic, and makes none", async () => {
    await using opened = open(name);
    const topic = uniqueTopic();
    const producer = await opened.client.openProducer();
    const sent = producer.send({ topic, partition: 0, messages: [messageOf("a", 1)] });
    assertEquals((await assertRejects(() => sent, KafkaError)).kind, "unknown_topic");
    producer.close();
    const reader = await opened.client.openReader();
    assertEquals((await assertRejects(() => reader.offsets(topic), KafkaError)).kind, "unknown_topic");
    reader.close();
  });
}

function reads(name: keyof typeof CLIENTS): void {
  it("reads from any offset, no more than asked for and at least a record, and says where to go on", async () => {
    await using opened = open(name);
    const { topic } = await opened.topic();
    const producer = await opened.client.openProducer();
    for (let at = 1; at <= 20; at++) {
      const messages = Array.from({ length: 5 }, (_, of) => messageOf("a", at * 5 + of, `"${"x".repeat(1_000)}"`));
      await producer.send({ topic, partition: 1, messages });
    }
    const reader = await opened.client.openReader();
    const whole = await reader.fetch({ topic, from: new Map([[1, 0]]), maxBytes: 1_000_000, waitMs: 0 });
    assertEquals(whole.records.map(({ offset }) => offset), Array.from({ length: 100 }, (_, at) => at));
    for (const from of [0, 1, 7, 98, 99]) {
      const { records, next } = await reader.fetch({ topic, from: new Map([[1, from]]), maxBytes: 8_000, waitMs: 0 });
      assertEquals(records, whole.records.slice(from, from + records.length));
      assert(records.length > 0 && records.length < 15, `expected 1 to 14 records, found ${records.length}`);
      assertEquals(next, new Map([[1, from + records.length]]));
    }
    reader.close();
    producer.close();
  });

  it("waits for what is not there yet, and is woken by it", async () => {
    await using opened = open(name);
    const { topic } = await opened.topic();
    const reader = await opened.client.openReader();
    assertEquals(await reader.offsets(topic), Array(3).fill({ first: 0, next: 0 }));
    const from = new Map([[0, 0], [1, 0], [2, 0]]);
    assertEquals(await reader.fetch({ topic, from, maxBytes: 1_000, waitMs: 10 }), { records: [], next: from });
    const waiting = reader.fetch({ topic, from, maxBytes: 1_000, waitMs: 9_000 });
    const producer = await opened.client.openProducer();
    await producer.send({ topic, partition: 1, messages: [messageOf("a", 1)] });
    assertEquals((await waiting).records.map(placeOf), ["a/1"]);
    assertEquals(await reader.offsets(topic), [{ first: 0, next: 0 }, { first: 0, next: 1 }, { first: 0, next: 0 }]);
    reader.close();
    producer.close();
  });

  it("says that an offset is out of range, and goes on", async () => {
    await using opened = open(name);
    const { topic } = await opened.topic();
    const reader = await opened.client.openReader();
    const beyond = reader.fetch({ topic, from: new Map([[0, 7]]), maxBytes: 1_000, waitMs: 0 });
    assertEquals((await assertRejects(() => beyond, KafkaError)).kind, "out_of_range");
    assertEquals((await reader.fetch({ topic, from: new Map([[0, 0]]), maxBytes: 1_000, waitMs: 0 })).records, []);
    reader.close();
  });
}

function fails(name: keyof typeof CLIENTS): void {
  it("gives up what waits for an answer as soon as it is closed", async () => {
    await using opened = open(name);
    const { topic } = await opened.topic();
    const reader = await opened.client.openReader();
    await reader.offsets(topic);
    const waiting = reader.fetch({ topic, from: new Map([[0, 0]]), maxBytes: 1_000, waitMs: 9_000 });
    const failing = assertRejects(() => waiting, KafkaError);
    reader.close();
    assertEquals((await failing).kind, "away");
  });

  it("is away where nobody answers", async () => {
    const nowhere = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = nowhere.addr;
    nowhere.close();
    const access = { brokers: [`127.0.0.1:${port}`], tls: undefined, sasl: undefined };
    const client = CLIENTS[name](access, { connectMs: 1_000, requestMs: 1_000 });
    const reader = await client.openReader();
    const calls = [
      () => client.ensureTopics(["a"], SETTINGS),
      () => reader.offsets("a"),
      async () => (await client.openProducer()).send({ topic: "a", partition: 0, messages: [messageOf("a", 1)] }),
    ];
    for (const call of calls) assertEquals((await assertRejects(call, KafkaError)).kind, "away");
    await client.close();
  });

  it("tells no password when it cannot log in", async () => {
    const sasl = { mechanism: "scram-sha-512", username: "annals", password: "s3cret-and-long" } as const;
    const access = { brokers: [brokerAddress()], tls: undefined, sasl };
    const client = CLIENTS[name](access, { connectMs: 2_000, requestMs: 2_000 });
    const error = await assertRejects(() => client.ensureTopics(["a"], SETTINGS), KafkaError);
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      assert(!Deno.inspect(each, { depth: 20 }).includes(sasl.password), `found the password in ${each.message}`);
    }
    await client.close();
  });
}

function open(name: keyof typeof CLIENTS) {
  const client: KafkaClient = openTestClient(name);
  return {
    client,
    async topic() {
      const topic = uniqueTopic();
      await client.ensureTopics([topic], SETTINGS);
      await whenLed(client, topic);
      return { topic };
    },
    async readAll(topic: string): Promise<readonly StoredRecord[]> {
      const reader = await client.openReader();
      const offsets = await reader.offsets(topic);
      const from = new Map(offsets.flatMap(({ first, next }, at) => next > first ? [[at, first] as const] : []));
      const { records } = await reader.fetch({ topic, from, maxBytes: 10_000_000, waitMs: 0 });
      reader.close();
      return records;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function placeOf({ key, headers }: StoredRecord): string {
  return `${key}/${headers.ce_sequence}`;
}
