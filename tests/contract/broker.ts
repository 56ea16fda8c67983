import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Broker, InvalidPlace, type TopicEntry, type TopicStart } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Open } from "./samples.ts";

export type OpenBroker = Open<{
  readonly broker: Broker;
  /** Two topics, empty but for what a case publishes. */
  readonly topic: string;
  readonly otherTopic: string;
  /** Publishes the next so many events of an aggregate; resolves once they are published. */
  publish(topic: string, key: string, count: number): Promise<void>;
  /** The next reads behind the broker fail, where something can. */
  failNext?(error: Error): void;
}>;

export function brokerContract(name: string, open: OpenBroker): void {
  describe(`${name} as a broker`, () => {
    starts(open);
    resumes(open);
    live(open);
    ending(open);
  });
}

function starts(open: OpenBroker): void {
  it("tells everything from the beginning on, in order per key, as CloudEvents", async () => {
    await using opened = await open();
    const { broker, topic } = opened;
    for (let round = 0; round < 5; round++) for (const key of ["a", "b"]) await opened.publish(topic, key, 2);
    await using reader = await openTail(broker, topic, "beginning");
    const entries = await reader.until(20);
    assertInOrder(entries, 20);
    const first = entries.find(({ message: { key } }) => key === "a");
    assertEquals(first?.message.headers.ce_subject, "a");
    assertEquals(first?.message.headers.ce_specversion, "1.0");
    assertEquals(typeof JSON.parse(first?.message.value ?? ""), "object");
    assertEquals(new Set(entries.map(({ id }) => id)).size, 20);
  });

  it("tells what is published once the tail is there, when it starts now", async () => {
    await using opened = await open();
    const { broker, topic } = opened;
    await opened.publish(topic, "a", 3);
    await using reader = await openTail(broker, topic, "now");
    await opened.publish(topic, "a", 2);
    assertEquals((await reader.until(2)).map(placeOf), ["a/4", "a/5"]);
  });

  it("keeps topics apart", async () => {
    await using opened = await open();
    const { broker, topic, otherTopic } = opened;
    await opened.publish(topic, "a", 1);
    await opened.publish(otherTopic, "b", 1);
    await opened.publish(topic, "c", 1);
    await using one = await openTail(broker, topic, "beginning");
    await using other = await openTail(broker, otherTopic, "beginning");
    assertEquals((await one.until(2)).map(placeOf).toSorted(), ["a/1", "c/1"]);
    assertEquals((await other.until(1)).map(placeOf), ["b/1"]);
  });
}

function resumes(open: OpenBroker): void {
  it("goes on behind any id, whatever reader got it, without a gap or a double", async () => {
    await using opened = await open();
    const { broker, topic } = opened;
    await using early = await openTail(broker, topic, "now");
    for (const key of ["a", "b", "c"]) {
      await opened.publish(topic, key, 3);
      await early.until(early.seen.length + 1);
    }
    await early.until(9);
    await using late = await openTail(broker, topic, "beginning");
    await late.until(9);
    let published = 9;
    for (const seen of [early.seen.slice(0, 9), late.seen.slice(0, 9)]) {
      for (const [at, { id }] of seen.entries()) {
        await using again = await openTail(broker, topic, { after: id });
        await opened.publish(topic, "last", 1);
        published += 1;
        // Two readers may see keys in another order among each other, but none its own.
        const rest = await again.until(published - at - 1);
        assertInOrder([...seen.slice(0, at + 1), ...rest], published);
      }
    }
  });

  it("goes on behind the ids it gives while it goes on", async () => {
    await using opened = await open();
    const { broker, topic } = opened;
    await opened.publish(topic, "a", 700);
    const seen: TopicEntry[] = [];
    let start: TopicStart = "beginning";
    while (seen.length < 700) {
      await using reader: Awaited<ReturnType<typeof openTail>> = await openTail(broker, topic, start);
      const [first, second, third] = await reader.next();
      seen.push(...[first, second, third].flatMap((entry) => entry ?? []));
      start = { after: seen.at(-1)?.id ?? "" };
    }
    assertInOrder(seen, 700);
  });

  it("refuses an id that is malformed, of another topic, or of an event that it does not have", async () => {
    await using opened = await open();
    const { broker, topic, otherTopic } = opened;
    await using elsewhere = await open();
    await opened.publish(topic, "a", 1);
    await elsewhere.publish(elsewhere.topic, "a", 5);
    await opened.publish(otherTopic, "b", 1);
    await using other = await openTail(broker, otherTopic, "beginning");
    await using foreign = await openTail(elsewhere.broker, elsewhere.topic, "beginning");
    const ids = [...await other.until(1), ...await foreign.until(5)].map(({ id }) => id);
    const whole = ids[0] ?? "";
    for (const id of [...ids, "", "1", "x".repeat(10_000), `${whole}=`, whole.slice(1), " ", "\u{1F600}"]) {
      await assertRejects(() => openTail(broker, topic, { after: id }), InvalidPlace);
    }
  });
}

function live(open: OpenBroker): void {
  it("hands over from what was published to what is, without a gap or a double while writes go on", async () => {
    await using opened = await open();
    const { broker, topic } = opened;
    const writer = async (key: string) => {
      for (let count = 0; count < 60; count++) await opened.publish(topic, key, 2);
    };
    await writer("before");
    const writers = Array.from({ length: 4 }, (_, at) => writer(`writer-${at}`));
    await using early = await openTail(broker, topic, "beginning");
    await early.until(130);
    await using late = await openTail(broker, topic, { after: early.seen[99]?.id ?? "" });
    await Promise.all([early.until(600), late.until(500), ...writers]);
    assertInOrder(early.seen, 600);
    assertInOrder([...early.seen.slice(0, 100), ...late.seen], 600);
  });

  it("goes on behind an outage of what stands behind it", async () => {
    await using opened = await open();
    const { broker, topic, failNext } = opened;
    if (failNext === undefined) return;
    await using reader = await openTail(broker, topic, "now");
    failNext(new Unavailable("the disk is away"));
    await opened.publish(topic, "a", 2);
    assertEquals((await reader.until(2)).map(placeOf), ["a/1", "a/2"]);
  });
}

function ending(open: OpenBroker): void {
  it("ends a waiting reader as soon as its signal aborts, and at once under one that has", async () => {
    await using opened = await open();
    const { broker, topic } = opened;
    await using reader = await openTail(broker, topic, "now");
    const batch = reader.batches.next();
    reader.abort.abort();
    assertEquals((await batch).done, true);
    await opened.publish(topic, "a", 1);
    const tail = await broker.tail(topic, { start: "beginning", signal: AbortSignal.abort() });
    assertEquals((await tail[Symbol.asyncIterator]().next()).done, true);
  });
}

async function openTail(broker: Broker, topic: string, start: TopicStart) {
  const abort = new AbortController();
  const batches = (await broker.tail(topic, { start, signal: abort.signal }))[Symbol.asyncIterator]();
  const seen: TopicEntry[] = [];
  const next = async (): Promise<readonly TopicEntry[]> => {
    const { value, done } = await batches.next();
    if (done) throw new Error("expected a batch, found the end");
    assertGreater(value.length, 0);
    seen.push(...value);
    return value;
  };
  return {
    batches,
    seen,
    abort,
    next,
    async until(count: number): Promise<readonly TopicEntry[]> {
      while (seen.length < count) await next();
      return seen;
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await batches.return?.();
    },
  };
}

function placeOf({ message: { key, headers } }: TopicEntry): string {
  return `${key}/${headers.ce_sequence}`;
}

function assertInOrder(entries: readonly TopicEntry[], count: number): void {
  assertEquals(entries.length, count);
  const last = new Map<string, number>();
  for (const { message: { key, headers } } of entries) {
    assertEquals(Number(headers.ce_sequence), (last.get(key) ?? 0) + 1);
    last.set(key, Number(headers.ce_sequence));
  }
}
