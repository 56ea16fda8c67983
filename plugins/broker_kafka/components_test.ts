import { assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { componentContract } from "../../tests/contract/component.ts";
import { Fault } from "../../tests/contract/fault.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import type { KafkaReader, StoredRecord } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { TopicHead } from "./topic_head.ts";
import { Topics } from "./topics.ts";

const SETTINGS = { partitions: 3, replication: 1, retentionMs: -1 };

componentContract("topic_head_of_one", async () => {
  const surroundings = open();
  const { runtime, fault } = surroundings;
  const records: StoredRecord[] = [];
  const [head, other] = [
    await openHead("one", { ...surroundings, records }),
    await openHead("other", { ...surroundings, records, fault: new Fault() }),
  ];
  return {
    ...surroundings,
    async assertWorks() {
      records.push(recordOf(records.length));
      await runtime.advance(2_000);
      assertEquals([head.count, other.count], [records.length, records.length]);
    },
    async [Symbol.asyncDispose]() {
      fault.mend();
      await Promise.all([head.stop(), other.stop(), runtime.advance(2_000)]);
    },
  };
});

componentContract("topics", async () => {
  const surroundings = open();
  const { runtime, fault } = surroundings;
  const broker = { asked: 0 };
  const topics = await openTopics(surroundings, async () => {
    broker.asked += 1;
    await fault.meet();
    throw new KafkaError("away", "nobody there");
  });
  return {
    ...surroundings,
    async assertWorks() {
      const before = broker.asked;
      await runtime.advance(30_000);
      assertGreater(broker.asked, before);
    },
    async [Symbol.asyncDispose]() {
      fault.mend();
      await topics.stop();
    },
  };
});

describe("a topic's head", () => {
  it("that waits for its turn with a slow broker is not taken for hung", async () => {
    const surroundings = open();
    const { runtime, branch } = surroundings;
    const asked = new Fault();
    asked.begin("hangs");
    const opening = openHead("one", { ...surroundings, records: [], asked });
    await runtime.advance(300_000);
    assertEquals(branch.tree().children.map(({ restarts, state }) => [restarts, state]), [[0, "running"]]);
    asked.mend();
    await runtime.advance(2_000);
    const head = await opening;
    await Promise.all([head.stop(), runtime.advance(2_000)]);
  });
});

describe("the topics of a broker", () => {
  it("that does not answer keep no start that is stopped", async () => {
    const given = new AbortController();
    const { runtime, log, branch } = open();
    const client = { ensureTopics: () => new Promise<never>(() => {}) };
    const topics = new Topics({ client, names: ["one"], settings: SETTINGS, runtime, log, branch });
    const starting = assertRejects(() => topics.start(given.signal), Error, "SIGTERM");
    given.abort(new Error("SIGTERM"));
    await starting;
    assertEquals([log.lines, branch.tree().children], [[], []]);
  });
});

describe("the topics of a broker that was away at the start", () => {
  it("are told to be wrong whenever that is found, once", async () => {
    const surroundings = open();
    const found = new Map([["one", 5]]);
    let asked = 0;
    const topics = await openTopics(surroundings, async () => {
      asked += 1;
      if (asked < 5) throw new KafkaError("away", "nobody there");
      return found;
    });
    assertMatch(topics.trouble ?? "", /^nobody there; check REDPANDA_BROKERS, and .*events wait for it$/);
    await surroundings.runtime.advance(120_000);
    const errors = surroundings.log.lines.filter(({ level }) => level === "error").map(({ message }) => message);
    assertEquals(errors, [topics.trouble]);
    found.set("one", 3);
    await surroundings.runtime.advance(20_000);
    assertEquals([topics.trouble, surroundings.branch.tree().children], [undefined, []]);
    await topics.stop();
  });
});

function open() {
  const [runtime, log] = [virtualRuntime({ seed: 7 }), keptLog()];
  return { runtime, log, branch: openBranch({ runtime, log }), fault: new Fault() };
}

type Surroundings = ReturnType<typeof open>;

/** At the end of an empty topic of one partition. */
async function openHead(
  topic: string,
  { records, fault, asked, ...parts }: Surroundings & {
    readonly records: readonly StoredRecord[];
    /** Met by whoever asks where the topic ends. */
    readonly asked?: Fault;
  },
): Promise<TopicHead> {
  const { runtime } = parts;
  const reader: Pick<KafkaReader, "fetch" | "close"> = {
    async fetch({ from, waitMs }) {
      await fault.meet();
      const found = records.slice(from.get(0));
      if (found.length === 0) await runtime.sleep(waitMs);
      return { records: found, next: new Map([[0, (from.get(0) ?? 0) + found.length]]) };
    },
    close() {},
  };
  const offsets = async () => {
    await asked?.meet();
    return [{ first: 0, next: records.length }];
  };
  const head = new TopicHead({
    ...parts,
    topic,
    reads: { offsets, isThere: () => Promise.resolve(true) },
    openReader: () => Promise.resolve({ ...reader, offsets }),
  });
  await head.started;
  return head;
}

async function openTopics(
  { runtime, log, branch }: Surroundings,
  ensureTopics: () => Promise<ReadonlyMap<string, number>>,
): Promise<Topics> {
  const topics = new Topics({ client: { ensureTopics }, names: ["one"], settings: SETTINGS, runtime, log, branch });
  await topics.start(new AbortController().signal);
  return topics;
}

function recordOf(offset: number): StoredRecord {
  const names = ["specversion", "id", "type", "source", "subject", "time", "sequence", "eventversion"];
  const headers = Object.fromEntries(names.map((name) => [`ce_${name}`, String(offset)]));
  return { partition: 0, offset, key: "a", headers, value: "{}" };
}
