import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Module } from "annals";
import { requestLogRef } from "../../core/engine/request_log.ts";
import { type RedriveData, REQUESTS } from "../../core/engine/subscription_orders.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Standing } from "../../core/ports/progress.ts";
import publisher from "../../plugins/publisher/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { counter, counterWith } from "./counter.ts";
import { MemorySender } from "./memory_sender.ts";
import { metricOf, openRig, type Rig } from "./rig.ts";

describe("the publisher", () => {
  it("sends every event once and in order, as its module publishes it, and says so when asked", async () => {
    const publish: Module["publish"] = (event) => event.by === 2 ? undefined : { type: "Moved", by: event.by };
    await using opened = await open({ module: counterWith({ publish }) });
    for (const by of [1, 2, 3]) await opened.count("a", by);
    await opened.count("b", 4);
    assertEquals([await opened.standing("a", 3), await opened.standing("b", 1)], ["passed", "passed"]);
    const { stored } = opened.sender;
    assertEquals(
      stored.map(({ key, headers, value }) => [key, headers.ce_type, headers.ce_sequence, value]).toSorted(),
      [
        ["a", "Moved", "1", '{"by":1}'],
        ["a", "Moved", "3", '{"by":3}'],
        ["b", "Moved", "1", '{"by":4}'],
      ],
    );
  });

  it("is not there without a broker that stores", async () => {
    await using rig = await openRig({ modules: [counter], plugins: [publisher] });
    await rig.execute({ module: "counter", id: "a", body: { type: "Count", by: 1 } });
    assertEquals(await metricOf(rig, "projection_parked_aggregates", { projection: "publisher" }), 0);
    assertEquals((await rig.storage.checkpoints.progress.load("publisher")).checkpoint, null);
  });

  it("waits for a broker that is away, never parks, and then sends all of it in order", async () => {
    const sender = new MemorySender();
    sender.outages = 3;
    await using opened = await open({ sender });
    for (let by = 1; by <= 20; by++) await opened.count("a", by);
    assertEquals(await opened.standing("a", 20), "passed");
    assertEquals(sender.firsts("a"), upTo(20));
    assertEquals(sender.stored.length, 20);
    assertEquals((await opened.progress()).parked, []);
    assertEquals(await metricOf(opened.rig, "publish_failures_total", { topic: "counter-events" }), 3);
  });

  it("repeats what it has no answer to, and overtakes nothing", async () => {
    const sender = new MemorySender();
    sender.lostAnswers = 2;
    await using opened = await open({ sender });
    for (let by = 1; by <= 20; by++) await opened.count("a", by);
    assertEquals(await opened.standing("a", 20), "passed");
    assertEquals(sender.firsts("a"), upTo(20));
    assertGreater(sender.stored.length, 20);
  });

  it("parks exactly the aggregate of a message that is refused, and goes on with it once it is taken", async () => {
    const sender = new MemorySender();
    sender.refuses = ({ value }) => value === '{"by":13}';
    const storage = createMemoryStorage();
    {
      await using opened = await open({ sender, storage });
      for (const by of [1, 13, 2]) await opened.count("bad", by);
      await opened.count("good", 5);
      assertEquals([await opened.standing("good", 1), await opened.standing("bad", 1)], ["passed", "passed"]);
      assertEquals([await opened.standing("bad", 2), await opened.standing("bad", 3)], ["parked", "parked"]);
      assertEquals(sender.firsts("bad"), [1]);
      await opened.untilTried(3);
      const { parked: [parked] } = await opened.progress();
      const expected = { from: 2, through: 3, error: "Error: The broker refuses it for counter-events: too large" };
      assertEquals({ from: parked?.from, through: parked?.through, error: parked?.error }, expected);
      assertEquals(await metricOf(opened.rig, "publish_failures_total"), 3);
      assertEquals(await metricOf(opened.rig, "cdc_events_processed_total", { subscription: "publisher" }), 2);
    }
    sender.refuses = () => false;
    await using opened = await open({ sender, storage });
    await opened.count("bad", 3);
    await opened.untilPassed("bad", 4);
    assertEquals(sender.firsts("bad"), [1, 2, 3, 4]);
    assertEquals((await opened.progress()).parked, []);
  });

  it("sends in order what is redriven, a part at a time, and what comes in meanwhile", async () => {
    const sender = new MemorySender();
    sender.refuses = ({ value }) => value === '{"by":13}';
    await using opened = await open({ sender });
    for (const by of [1, 13]) await opened.count("bad", by);
    for (let by = 100; by < 250; by++) await opened.count("bad", by);
    await opened.untilTried(3, 152);
    sender.refuses = () => false;
    const send = sender.send.bind(sender);
    let coming = 10;
    sender.send = async (topic, messages) => {
      if (coming-- > 0) await opened.count("bad", coming);
      return await send(topic, messages);
    };
    await opened.redrive({ aggregate_id: "bad" });
    await opened.untilPassed("bad", 162);
    assertEquals(sender.stored.map(({ headers }) => Number(headers.ce_sequence)), upTo(162));
    assertEquals((await opened.progress()).parked, []);
  });

  it("parks what its module fails to publish", async () => {
    const publish: Module["publish"] = (event) => {
      if (event.by === 13) throw new Error("a bug in publish");
      return event;
    };
    await using opened = await open({ module: counterWith({ publish }) });
    for (const by of [1, 13, 2]) await opened.count("bad", by);
    await opened.count("good", 1);
    assertEquals([await opened.standing("good", 1), await opened.standing("bad", 3)], ["passed", "parked"]);
    assertEquals(opened.sender.firsts("bad"), [1]);
  });

  it("sends nothing that another process may have taken over", async () => {
    const storage = createMemoryStorage();
    let isOurs = false;
    const checkpoints: typeof storage.checkpoints = {
      ...storage.checkpoints,
      check(update) {
        if (!isOurs) throw new Unavailable("The lease has run out");
        storage.checkpoints.check(update);
      },
    };
    await using opened = await open({ storage: { ...storage, checkpoints } });
    await opened.count("a", 1);
    await opened.untilWaiting();
    assertEquals(opened.sender.sends, 0);
    isOurs = true;
    assertEquals(await opened.standing("a", 1), "passed");
    assertEquals(opened.sender.firsts("a"), [1]);
  });

  it("holds no more than pages of a backlog, and stores its progress after the broker's answer", async () => {
    const storage = createMemoryStorage();
    const sender = new MemorySender();
    {
      await using rig = await openRig({ modules: [counter], storage, streamer: false });
      for (let at = 0; at < 5_000; at++) {
        await rig.execute({ module: "counter", id: `c-${at % 50}`, body: { type: "Count", by: 1 } });
      }
    }
    const sizes: number[] = [];
    const order: string[] = [];
    const send = sender.send.bind(sender);
    sender.send = async (topic, messages) => {
      sizes.push(messages.length);
      const outcomes = await send(topic, messages);
      order.push("stored");
      return outcomes;
    };
    const checkpoints: typeof storage.checkpoints = {
      ...storage.checkpoints,
      commit(subscription, update) {
        order.push("committed");
        return storage.checkpoints.commit(subscription, update);
      },
    };
    await using opened = await open({ sender, storage: { ...storage, checkpoints } });
    assertEquals(await opened.standing("c-49", 100), "passed");
    assertEquals(Math.max(...sizes), 1_000);
    assertEquals(order, Array.from({ length: 10 }, (_, at) => at % 2 === 0 ? "stored" : "committed"));
  });
});

type Options = {
  readonly module?: Module;
  readonly sender?: MemorySender;
  readonly storage?: ReturnType<typeof createMemoryStorage>;
};

async function open({ module = counter, sender = new MemorySender(), storage = createMemoryStorage() }: Options) {
  const rig: Rig = await openRig({ modules: [module], storage, plugins: [sender.plugin(), publisher] });
  const { progress } = storage.checkpoints;
  const moved = () => progress.whenMoved("publisher", { signal: AbortSignal.timeout(5_000) });
  const until = async (is: (standing: Standing["is"]) => boolean, id: string, version: number) => {
    for (;;) {
      const moves = moved();
      moves.catch(() => {});
      const standing =
        (await progress.standing("publisher", { aggregateType: "counter", aggregateId: id, version })).is;
      if (is(standing)) return standing;
      await moves;
    }
  };
  return {
    ...{ rig, sender },
    redrive(filter: RedriveData["filter"]) {
      const data: RedriveData = { filter, per_second: 20, total: 1 };
      const asker = { by: "ada", correlationId: "c" };
      return rig.app.service(requestLogRef).add(asker, async () => ({ type: REQUESTS.redriven, data }));
    },
    count: (id: string, by: number) => rig.execute({ module: "counter", id, body: { type: "Count", by } }),
    progress: () => progress.load("publisher"),
    /** Once it is not behind. */
    standing: (id: string, version: number) => until((is) => is !== "behind", id, version),
    untilPassed: (id: string, version: number) => until((is) => is === "passed", id, version),
    /** With all events until that one behind it. */
    async untilTried(times: number, through = 1) {
      const first = async () => (await progress.load("publisher")).parked[0];
      for (let parked = await first(); parked?.attempts !== times || parked.through < through; parked = await first()) {
        await moved();
      }
    },
    async untilWaiting() {
      while (!rig.lines.some(({ message }) => message === "A subscription waits")) await nextTurn();
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
