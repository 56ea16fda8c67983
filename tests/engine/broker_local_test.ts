import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Module } from "annals";
import { virtualRuntime } from "annals/testing";
import { topicsOf } from "../../core/engine/publication.ts";
import { createRegistry } from "../../core/engine/registry.ts";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import type { EventStore } from "../../core/ports/event_store.ts";
import { Bells } from "../../plugins/broker_local/bells.ts";
import { createLocalBroker } from "../../plugins/broker_local/local_broker.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { componentContract } from "../contract/component.ts";
import { Fault } from "../contract/fault.ts";
import { keptLog, openBranch } from "../contract/surroundings.ts";
import { openTemporary } from "../../plugins/storage_sqlite/test_storage.ts";
import { brokerContract } from "../contract/broker.ts";
import { appendNext, sampleEvent, sampleEvents } from "../contract/samples.ts";
import { counter, counterWith } from "./counter.ts";
import { found } from "./rig.ts";

const { Noted } = counter.events;
const diary = counterWith({ name: "diary", path: "diaries", events: { NotedDown: Noted }, projections: [] });
const TYPES = new Map([["counter", "Counted"], ["diary", "NotedDown"]]);

brokerContract("broker_local on storage_memory", () => open({ ...createMemoryStorage(), async close() {} }));
// A small tail, so that the suite sees readers fall off it.
brokerContract("broker_local on storage_sqlite", async () => {
  const storage = await openTemporary({ tail: { events: 50, bytes: 50_000 } });
  return await open({ ...storage, close: () => storage[Symbol.asyncDispose]() });
});

describe("broker_local", () => {
  it("tells what a module publishes of an event, and nothing of those it keeps", async () => {
    const publish: Module["publish"] = (event) =>
      event.by === 2 ? undefined : { type: "Moved", by: event.by, more: [1] };
    await using opened = await open({ ...createMemoryStorage(), async close() {} }, counterWith({ publish }));
    for (const by of [1, 2, 3]) await opened.append("counter", "a", sampleEvents(1, { data: { by } }));
    const entries = await opened.take("counter-events", 2);
    assertEquals(entries.map(({ message: { headers, value } }) => [headers.ce_type, headers.ce_sequence, value]), [
      ["Moved", "1", '{"by":1,"more":[1]}'],
      ["Moved", "3", '{"by":3,"more":[1]}'],
    ]);
  });

  it("leaves out, and reports once, what a module fails to publish", async () => {
    const failing = () => {
      throw new Error("a bug in publish");
    };
    const wrong: unknown[] = [failing, () => ({ by: 1 }), () => ({ type: "a b" }), () => ({ type: "a\nid: 1" })];
    for (const fault of wrong as (() => { type: string })[]) {
      const publish: Module["publish"] = (event) => event.by === 1 ? event : fault();
      await using opened = await open({ ...createMemoryStorage(), async close() {} }, counterWith({ publish }));
      for (const by of [2, 1, 2, 1]) await opened.append("counter", "a", sampleEvents(1, { data: { by } }));
      const entries = await opened.take("counter-events", 2);
      assertEquals(entries.map(({ message }) => message.headers.ce_sequence), ["2", "4"]);
      assertEquals(opened.lines.map(({ level }) => level), ["error"]);
    }
  });
});

componentContract("topic_bells", async () => {
  const [runtime, log, fault] = [virtualRuntime({ seed: 5 }), keptLog(), new Fault()];
  const { store, log: stored } = createMemoryStorage();
  const branch = openBranch({ runtime, log });
  const bells = new Bells({
    topics: topicsOf(createRegistry([found(counter)]), { source: "/annals" }),
    source: {
      ...stored,
      async head() {
        await fault.meet();
        return await stored.head();
      },
    },
    ...{ runtime, branch },
  });
  return {
    ...{ runtime, branch, fault },
    begin: () => bells.start(),
    async assertWorks() {
      const more = bells.rung("counter-events");
      assertGreater(more, 0, "who waits is to look for what happened before");
      await appendNext(store, { aggregateType: "counter", aggregateId: "a" }, sampleEvents(1));
      await runtime.advance(1_000);
      assertEquals(bells.rung("counter-events"), more + 1);
    },
    async [Symbol.asyncDispose]() {
      bells.stop();
      await runtime.advance(0);
    },
  };
});

type Parts = { readonly store: EventStore; readonly log: ChangeLog; close(): Promise<void> };

async function open({ store, log: source, close }: Parts, module: Module = counter) {
  const topics = topicsOf(createRegistry([found(module), found(diary)]), { source: "/annals" });
  const [runtime, log] = [systemRuntime, keptLog()];
  const failures: Error[] = [];
  const failing: ChangeLog = {
    ...source,
    async *changes(options) {
      const error = failures.pop();
      if (error !== undefined) throw error;
      yield* source.changes(options);
    },
  };
  const broker = createLocalBroker({ topics, source: failing, runtime, log, branch: openBranch({ runtime, log }) });
  const append = (aggregateType: string, aggregateId: string, events: readonly ReturnType<typeof sampleEvent>[]) =>
    appendNext(store, { aggregateType, aggregateId }, events);
  return {
    broker,
    lines: log.lines,
    topic: "counter-events",
    otherTopic: "diary-events",
    append,
    publish(topic: string, key: string, count: number) {
      const aggregateType = topic.replace("-events", "");
      return append(aggregateType, key, sampleEvents(count, { eventType: TYPES.get(aggregateType) ?? "" }));
    },
    // Once for the reader and once for what wakes it.
    failNext: (error: Error) => void failures.push(error, error),
    async take(topic: string, count: number) {
      const abort = new AbortController();
      const entries = [];
      for await (const batch of await broker.tail(topic, { start: "beginning", signal: abort.signal })) {
        entries.push(...batch);
        if (entries.length >= count) abort.abort();
      }
      return entries;
    },
    [Symbol.asyncDispose]() {
      broker.stop();
      return close();
    },
  };
}
