import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { SendOutcome, TopicMessage } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Batch, KafkaProducer } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { Lane } from "./lane.ts";
import { createSender } from "./sender.ts";

const PLACE = { topic: "counter-events", partition: 0 };

describe("a lane", () => {
  it("halves a batch that is refused, in order, and holds back what follows the message under its key", async () => {
    const broker = brokerThat(({ messages }) => messages.some(({ value }) => value === "b/2") ? "rejected" : undefined);
    const messages = [1, 2, 3].flatMap((at) => ["a", "b", "c"].map((key) => message(key, at)));
    const { outcomes } = await deliver(broker.lane, messages);
    assertEquals(outcomes.map(({ is }) => is), [
      ...["durable", "durable", "durable"],
      ...["durable", "refused", "durable"],
      ...["durable", "held_back", "durable"],
    ]);
    assertEquals(broker.stored(), ["a/1", "b/1", "c/1", "a/2", "c/2", "a/3", "c/3"]);
    assertEquals(broker.counts, { opened: 1, closed: 0, most: 1 });
  });

  it("stops at an error that leaves open what was stored, and sends no more by that producer", async () => {
    let errors = 1;
    const broker = brokerThat(({ messages }) => messages[0]?.key === "b" && errors-- > 0 ? "away" : undefined);
    const large = "x".repeat(400_000);
    const messages = [message("a", 1, large), message("b", 1, large), message("b", 2, large)];
    const { failure, outcomes } = await deliver(broker.lane, messages);
    assertEquals([failure instanceof KafkaError, outcomes.map((outcome) => outcome?.is)], [true, ["durable"]]);
    assertEquals(broker.counts, { opened: 1, closed: 1, most: 1 });
    assertEquals((await deliver(broker.lane, messages)).outcomes.map(({ is }) => is), Array(3).fill("durable"));
    assertEquals(broker.counts, { opened: 2, closed: 1, most: 1 });
  });

  it("has one batch under way at a time, whoever sends", async () => {
    const broker = brokerThat(() => undefined);
    await Promise.all(["a", "b", "c"].map((key) => deliver(broker.lane, [message(key, 1), message(key, 2)])));
    assertEquals(broker.counts.most, 1);
    assertEquals(broker.stored(), ["a/1", "a/2", "b/1", "b/2", "c/1", "c/2"]);
  });

  it("closes a producer that was opened too late", async () => {
    const opening = Promise.withResolvers<KafkaProducer>();
    let closed = 0;
    const late = () => Promise.reject(new KafkaError("away", "late"));
    const lane = new Lane({ openProducer: () => opening.promise, inTime: late });
    await deliver(lane, [message("a", 1)]);
    opening.resolve({ send: () => Promise.resolve(), close: () => void closed++ });
    await opening.promise;
    await Promise.resolve();
    assertEquals(closed, 1);
  });
});

describe("a sender whose broker is away", () => {
  it("says so only when nothing is under way any more", async () => {
    const slow = Promise.withResolvers<void>();
    let over = 0;
    const openProducer = (): Promise<KafkaProducer> =>
      Promise.resolve({
        async send({ partition }) {
          if (partition === 0) throw new KafkaError("away", "gone");
          await slow.promise;
          over += 1;
        },
        close() {},
      });
    const topics = { require: () => Promise.resolve(), forget() {} };
    const runtime = { sleep: () => new Promise<void>(() => {}) };
    const sender = createSender({ client: { openProducer }, topics, partitions: 2, runtime });
    // Their partitions of two are 0 and 1.
    const sending = sender.send("counter-events", ["a", "c", "b", "d"].map((key) => message(key, 1)));
    const failing = assertRejects(() => sending, Unavailable, "gone").then(() => over);
    slow.resolve();
    assertEquals(await failing > 0, true);
  });
});

function message(key: string, sequence: number, value = `${key}/${sequence}`): TopicMessage {
  return { key, headers: { ce_sequence: String(sequence) }, value };
}

async function deliver(lane: Lane, messages: readonly TopicMessage[]) {
  const outcomes: SendOutcome[] = [];
  const items = messages.map((each, at) => ({
    message: each,
    settle: (outcome: SendOutcome) => void (outcomes[at] = outcome),
  }));
  const failure = await lane.deliver({ ...PLACE, items }).then(() => undefined, (error: unknown) => error);
  return { outcomes, failure };
}

/** Stores what it does not fail on. */
function brokerThat(fails: (batch: Batch) => KafkaError["kind"] | undefined) {
  const batches: Batch[] = [];
  const counts = { opened: 0, closed: 0, most: 0 };
  let underWay = 0;
  const producer: KafkaProducer = {
    async send(batch) {
      underWay += 1;
      counts.most = Math.max(counts.most, underWay);
      await Promise.resolve();
      underWay -= 1;
      const kind = fails(batch);
      if (kind !== undefined) throw new KafkaError(kind, kind);
      batches.push(batch);
    },
    close: () => void counts.closed++,
  };
  const openProducer = () => {
    counts.opened += 1;
    return Promise.resolve(producer);
  };
  return {
    counts,
    lane: new Lane({ openProducer, inTime: (work) => work }),
    stored: () =>
      batches.flatMap(({ messages }) => messages.map(({ key, headers }) => `${key}/${headers.ce_sequence}`)),
  };
}
