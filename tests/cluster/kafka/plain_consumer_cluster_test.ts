import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { kafkaAddress } from "../server.ts";
import { freshTopic } from "./fresh_topic.ts";
import { readTopic, STOCK_CLIENTS } from "./plain_consumer.ts";

const KEYS = ["ä", "b", "c", "d", "e"];
const MESSAGES = 2_000;

for (const client of STOCK_CLIENTS) {
  describe(`readTopic with ${client}`, () => {
    it("gives key, headers, value, partition and offset of every message, in the order of the partition", async () => {
      await using topic = await freshTopic(3);
      const sent = Array.from({ length: MESSAGES }, (_, at) => ({
        key: KEYS[at % KEYS.length] ?? "",
        value: `{"at":${at},"name":"ü"}`,
        headers: { ce_id: `id-${at}`, "content-type": "application/json" },
        partition: at % KEYS.length % 2,
      }));
      await topic.send(sent);
      const found = await readTopic(topic.name, { address: kafkaAddress(), client });
      for (const partition of [0, 1, 2]) {
        assertEquals(
          found.filter((record) => record.partition === partition),
          sent.filter((message) => message.partition === partition).map((message, at) => ({
            ...message,
            offset: BigInt(at),
          })),
        );
      }
    });

    it("gives messages without key and value, and of an empty topic nothing", async () => {
      await using topic = await freshTopic(1);
      assertEquals(await readTopic(topic.name, { address: kafkaAddress(), client }), []);
      await topic.send([{ key: null, value: null }]);
      const record = { key: null, value: null, headers: {}, partition: 0, offset: 0n };
      assertEquals(await readTopic(topic.name, { address: kafkaAddress(), client }), [record]);
    });

    it("reads on where messages were removed from the beginning", async () => {
      await using topic = await freshTopic(1);
      await topic.send(["a", "b", "c"].map((value) => ({ key: "k", value })));
      await topic.admin.fetchTopicOffsets(topic.name); // Lets kafkajs know who leads the partition.
      await topic.admin.deleteTopicRecords({ topic: topic.name, partitions: [{ partition: 0, offset: "2" }] });
      const found = await readTopic(topic.name, { address: kafkaAddress(), client });
      assertEquals(found.map(({ value, offset }) => [value, offset]), [["c", 2n]]);
    });

    it("rejects where there is no such topic", async () => {
      await assertRejects(() => readTopic("nowhere", { address: kafkaAddress(), client, timeoutMs: 20_000 }), Error);
    });
  });
}
