import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Fields, Message, Module, Projection } from "annals";
import { virtualRuntime } from "annals/testing";
import { z } from "zod";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import { type RecordedEvent, Unavailable } from "../../core/ports/event_store.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import type { Progress } from "../../core/ports/progress.ts";
import type { ReadModels } from "../../core/ports/read_models.ts";
import { type FailedEvent, type Subscriber, subscriberRef } from "../../core/ports/subscriber.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { placeOf } from "../contract/samples.ts";
import { until as eventually } from "../contract/surroundings.ts";
import { counter, counterSum, counterTotals, counterWith } from "./counter.ts";
import { ANONYMOUS, metricOf, openRig, type Rig } from "./rig.ts";

type Handler = (document: Fields | undefined, event: Message) => Fields | undefined;

/** The counter with projections that call `check` on every event first. */
function guarded(check: (event: Message) => void, projections: readonly Projection[] = [counterTotals]): Module {
  return counterWith({
    projections: projections.map((projection): Projection => ({
      ...projection,
      on: {
        Counted: (document, event, source, key) => {
          check(event);
          return projection.on.Counted?.(document, event, source, key);
        },
      },
    })),
  });
}

function count(rig: Rig, id: string, by: number) {
  return rig.execute({ module: "counter", id, body: { type: "Count", by } });
}

/** Waits in real time, as a client would, until a view shows a write. */
async function shown(rig: Rig, id: string, version: number, view = "counter_totals", timeoutMs = 5_000) {
  const found = rig.registry.views.get(view);
  if (found === undefined) throw new Error(`no view ${view}`);
  const write = { aggregateType: "counter", aggregateId: id, version };
  const shown = { write, timeoutMs };
  const { is } = await rig.queries.document(found, { principal: ANONYMOUS, key: id, shown });
  return is === "found" || is === "missing" ? "passed" : is;
}

/** Polls by waiting: a parked aggregate is told of at once, and is `parked` until its first try after a restart. */
async function within(rig: Rig, id: string, version: number) {
  await eventually(async () => await shown(rig, id, version) === "passed");
  return await document(rig, id);
}

async function document(rig: Rig, key: string, view = "counter_totals") {
  const found = rig.registry.views.get(view);
  if (found === undefined) throw new Error(`no view ${view}`);
  const answer = await rig.queries.document(found, { principal: ANONYMOUS, key });
  return answer.is === "found" ? answer.document.document : undefined;
}

describe("a subscription", () => {
  it("shows every write in its read models, and what they ignore as passed", async () => {
    await using rig = await openRig({ modules: [guarded(() => {}, [counterTotals, counterSum])] });
    for (let round = 1; round <= 20; round += 1) await Promise.all(["a", "b", "c"].map((id) => count(rig, id, round)));
    await rig.execute({ module: "counter", id: "a", body: { type: "Note", note: "ignored" } });
    for (const view of ["counter_totals", "counter_sum"]) assertEquals(await shown(rig, "a", 21, view), "passed");
    for (const id of ["a", "b", "c"]) assertEquals(await document(rig, id), { total: 210, count: 20 });
    assertEquals(await document(rig, "all", "counter_sum"), { total: 630, count: 60 });
    assertEquals(await metricOf(rig, "projection_lag_events"), 0);
    assertEquals(await metricOf(rig, "cdc_events_processed_total", { subscription: "counter_totals_v1" }), 60);
  });

  it("goes on where it was, and fills a new projection and a new incarnation from the first event", async () => {
    const storage = createMemoryStorage();
    let handled = 0;
    {
      await using rig = await openRig({ modules: [guarded(() => handled++)], storage });
      await count(rig, "a", 1);
      await count(rig, "a", 2);
      await shown(rig, "a", 2);
    }
    {
      await using rig = await openRig({ modules: [guarded(() => handled++)], storage });
      await count(rig, "a", 3);
      await shown(rig, "a", 3);
      assertEquals(handled, 3);
    }
    const next = { ...counterTotals, version: 2 };
    await using rig = await openRig({ modules: [guarded(() => handled++, [next, counterSum])], storage });
    assertEquals(await shown(rig, "a", 3), "passed");
    assertEquals(await shown(rig, "a", 3, "counter_sum"), "passed");
    assertEquals(handled, 9);
    assertEquals(await document(rig, "a"), { total: 6, count: 3 });
  });

  it("parks the aggregate it fails on and no other, keeps the order behind it, and catches up by itself", async () => {
    let broken = true;
    const check = ({ by }: Message) => {
      if (broken && by === 13) throw new Error("thirteen");
    };
    // No time passes between the tries before it is mended.
    const runtime = virtualRuntime({ seed: 7 });
    await using rig = await openRig({ modules: [guarded(check, [counterTotals, counterSum])], runtime });
    await count(rig, "bad", 1);
    await count(rig, "bad", 13);
    await count(rig, "bad", 2);
    await count(rig, "good", 5);
    assertEquals(await shown(rig, "good", 1), "passed");
    assertEquals(await document(rig, "bad"), { total: 1, count: 1 });
    await count(rig, "bad", 3);
    broken = false;
    await runtime.advance(1_000);
    assertEquals(await shown(rig, "bad", 4), "passed");
    assertEquals(await shown(rig, "bad", 4, "counter_sum"), "passed");
    assertEquals(await document(rig, "bad"), { total: 19, count: 4 });
    assertEquals(await document(rig, "all", "counter_sum"), { total: 24, count: 5 });
    assertEquals(rig.lines.filter(({ level }) => level === "error"), []);
  });

  it("stays parked after three tries, durably, and says so at once to who waits for it", async () => {
    const storage = createMemoryStorage();
    let tries = 0;
    const check = ({ by }: Message) => {
      if (by !== 13) return;
      tries += 1;
      throw new Error("thirteen");
    };
    {
      await using rig = await openRig({ modules: [guarded(check)], storage });
      await count(rig, "bad", 13);
      assertEquals(await shown(rig, "bad", 1), "parked");
      assertEquals(tries, 3);
      assertEquals(await metricOf(rig, "cdc_events_failed_total"), 3);
    }
    await using rig = await openRig({ modules: [guarded(check)], storage });
    await count(rig, "bad", 1);
    await count(rig, "good", 1);
    assertEquals(await shown(rig, "good", 1), "passed");
    assertEquals(await shown(rig, "bad", 2), "parked");
    const { parked } = await storage.readModels.progress.load("counter_totals_v1");
    assertEquals(parked.map(({ from, through, attempts, error }) => ({ from, through, attempts, error })), [
      { from: 1, through: 2, attempts: 3, error: "Error: thirteen" },
    ]);
  });

  it("has its three tries again after a restart, so that a mended projection heals", async () => {
    const storage = createMemoryStorage();
    let broken = true;
    const check = () => {
      if (broken) throw new Error("not yet mended");
    };
    {
      await using rig = await openRig({ modules: [guarded(check)], storage });
      await count(rig, "bad", 1);
      assertEquals(await shown(rig, "bad", 1), "parked");
      await count(rig, "bad", 2);
    }
    broken = false;
    await using rig = await openRig({ modules: [guarded(check)], storage });
    await count(rig, "bad", 3);
    assertEquals(await within(rig, "bad", 3), { total: 6, count: 3 });
    assertEquals((await storage.readModels.progress.load("counter_totals_v1")).parked, []);
  });

  it("tries a parked aggregate again while others keep the feed busy", async () => {
    let failures = 1;
    const check = ({ by }: Message) => {
      if (by === 13 && failures-- > 0) throw new Error("thirteen");
    };
    await using rig = await openRig({ modules: [guarded(check)] });
    await count(rig, "bad", 13);
    const busy = { is: true };
    const others = (async () => {
      for (let at = 0; busy.is; at += 1) await count(rig, `good ${at % 100}`, 1);
    })();
    const standing = await shown(rig, "bad", 1);
    busy.is = false;
    await others;
    assertEquals(standing, "passed");
  });

  it("parks what fails its document's schema and what its key function throws on", async () => {
    const wrong: Handler = () => ({ total: "many", count: 1 });
    const keyless = () => {
      throw new Error("no key");
    };
    const projections: Projection[] = [
      { ...counterTotals, on: { Counted: wrong } },
      { ...counterSum, key: keyless },
    ];
    await using rig = await openRig({ modules: [counterWith({ projections })] });
    await count(rig, "a", 1);
    assertEquals(await shown(rig, "a", 1), "parked");
    assertEquals(await shown(rig, "a", 1, "counter_sum"), "parked");
    assertEquals(await document(rig, "a"), undefined);
  });

  it("does not hold another subscription back, nor more than a page, when it is slow", async () => {
    const storage = createMemoryStorage();
    const stuck = Promise.withResolvers<void>();
    const readModels: ReadModels = {
      ...storage.readModels,
      async write(model, change) {
        if (model.incarnation === "counter_sum_v1") await stuck.promise;
        return await storage.readModels.write(model, change);
      },
    };
    const modules = [guarded(() => {}, [counterTotals, counterSum])];
    await using rig = await openRig({ modules, storage: { ...storage, readModels } });
    for (let round = 0; round < 100; round += 1) await count(rig, "a", 1);
    assertEquals(await shown(rig, "a", 100), "passed");
    assertEquals(await document(rig, "all", "counter_sum"), undefined);
    stuck.resolve();
    assertEquals(await shown(rig, "a", 100, "counter_sum"), "passed");
    assertEquals(await document(rig, "all", "counter_sum"), { total: 100, count: 100 });
  });

  it("waits and never parks while a storage is unavailable, then goes on without a gap or a repeat", async () => {
    const storage = createMemoryStorage();
    let failing = 3;
    const orFail = () => {
      if (failing-- > 0) throw new Unavailable("the disk is full");
    };
    const readModels: ReadModels = {
      ...storage.readModels,
      async write(model, change) {
        orFail();
        return await storage.readModels.write(model, change);
      },
    };
    const source: ChangeSource = {
      ...storage.source,
      async *changes(options) {
        for await (const page of storage.source.changes(options)) {
          orFail();
          yield page;
        }
      },
    };
    const modules = [guarded(() => {}, [counterSum])];
    await using rig = await openRig({ modules, storage: { ...storage, readModels, source } });
    for (let round = 0; round < 5; round += 1) await count(rig, "a", 1);
    assertEquals(await shown(rig, "a", 5, "counter_sum"), "passed");
    assertEquals(await document(rig, "all", "counter_sum"), { total: 5, count: 5 });
    assertEquals((await storage.readModels.progress.load("counter_sum_v1")).parked, []);
    assert(rig.lines.some(({ message }) => message === "A subscription waits"));
    assertEquals(await metricOf(rig, "supervisor_restarts_total"), 0);
  });

  it("spaces its tries by the clock, 100 and 200 ms at the most, and leaves no timer behind", async () => {
    const runtime = virtualRuntime({ seed: 7 });
    const triedAtMs: number[] = [];
    const check = () => {
      triedAtMs.push(runtime.monotonicMs());
      throw new Error("always");
    };
    const rig = await openRig({ modules: [guarded(check)], runtime });
    await count(rig, "a", 1);
    await runtime.advance(1_000);
    const [first = 0, second = 0, third = 0, ...more] = triedAtMs;
    assertEquals(more, []);
    assert(second - first >= 50 && second - first <= 100, `expected 50 to 100 ms, found ${second - first}`);
    assert(third - second >= 100 && third - second <= 200, `expected 100 to 200 ms, found ${third - second}`);
    await rig[Symbol.asyncDispose]();
    assertEquals(runtime.pending, 0);
  });

  it("says behind at the deadline", async () => {
    const storage = createMemoryStorage();
    await using rig = await openRig({ modules: [guarded(() => {})], storage, streamer: false });
    await count(rig, "a", 1);
    assertEquals(await shown(rig, "a", 1, "counter_totals", 10), "behind");
  });

  it("tells a caller who may not read neither a document nor how far the view has come", async () => {
    await using rig = await openRig({ modules: [guarded(() => {})] });
    await count(rig, "a", 1);
    const view = rig.registry.views.get("counter_totals");
    if (view === undefined) throw new Error("no view");
    const principal = { sub: "guest", claims: {} };
    const never = { write: { aggregateType: "counter", aggregateId: "a", version: 99 }, timeoutMs: 60_000 };
    assertEquals(await rig.queries.document(view, { principal, key: "a", shown: never }), { is: "forbidden" });
    assertEquals(await rig.queries.find(view, { principal, find: { limit: 1 }, shown: never }), { is: "forbidden" });
  });
});

describe("a subscriber that does a page at once", () => {
  it("parks each aggregate that failed in it, with all that came behind, and counts what was done", async () => {
    const { storage, done, refused, plugin } = await backlog();
    refused.add("bad/2").add("worse/1");
    await using rig = await openRig({ modules: [counter], storage, plugins: [plugin] });
    await until(storage, ({ parked }) => parked.length === 2 && parked.every(({ attempts }) => attempts === 3));
    const { parked } = await storage.checkpoints.progress.load("collector");
    const inOrder = parked.toSorted((a, b) => a.from < b.from ? 1 : -1);
    assertEquals(inOrder.map(({ aggregateId, from, through, error }) => ({ aggregateId, from, through, error })), [
      { aggregateId: "bad", from: 2, through: 4, error: "Error: refused bad/2" },
      { aggregateId: "worse", from: 1, through: 4, error: "Error: refused worse/1" },
    ]);
    assertEquals(done, ["good/1", "bad/1", "good/2", "good/3", "good/4"]);
    assertEquals(await metricOf(rig, "cdc_events_processed_total", { subscription: "collector" }), 5);
    assertEquals(await metricOf(rig, "cdc_events_failed_total", { subscription: "collector" }), 6);
  });

  it("goes on in order with what was kept back, however often it fails on the way", async () => {
    const { storage, done, refused, plugin } = await backlog();
    refused.add("bad/2");
    const mend = (event: string) =>
      event === "bad/2" ? refused.delete("bad/2") && refused.add("bad/4") : refused.clear();
    await using _rig = await openRig({ modules: [counter], storage, plugins: [plugin] });
    storage.onRefusal = mend;
    await until(storage, ({ checkpoint, parked }) => checkpoint !== null && parked.length === 0);
    assertEquals(done.filter((event) => event.startsWith("bad")), ["bad/1", "bad/2", "bad/3", "bad/4"]);
  });

  it("does a page again from its beginning when the flush or the commit is not to be had", async () => {
    const { storage, done, plugin } = await backlog();
    storage.unavailable = 2;
    await using rig = await openRig({ modules: [counter], storage, plugins: [plugin] });
    await until(storage, ({ checkpoint }) => checkpoint !== null);
    assertEquals(new Set(done), new Set([1, 2, 3, 4].flatMap((at) => [`good/${at}`, `bad/${at}`, `worse/${at}`])));
    assertEquals((await storage.checkpoints.progress.load("collector")).parked, []);
    assert(rig.lines.some(({ message }) => message === "A subscription waits"));
  });
});

type Collected = ReturnType<typeof createMemoryStorage> & { onRefusal?: (event: string) => void; unavailable: number };

/** Four events of each of three aggregates, and a subscriber that notes what it has done. */
async function backlog() {
  const storage: Collected = Object.assign(createMemoryStorage(), { unavailable: 0 });
  {
    await using rig = await openRig({ modules: [counter], storage, streamer: false });
    for (let at = 0; at < 4; at++) for (const id of ["good", "bad", "worse"]) await count(rig, id, 1);
  }
  const done: string[] = [];
  const refused = new Set<string>();
  const flush = (events: readonly RecordedEvent[]): FailedEvent[] => {
    const failed = new Map<string, FailedEvent>();
    for (const event of events) {
      const place = placeOf(event);
      if (failed.has(event.aggregateId)) continue;
      if (refused.has(place)) {
        failed.set(event.aggregateId, { event, error: new Error(`refused ${place}`) });
        storage.onRefusal?.(place);
      } else done.push(place);
    }
    return [...failed.values()];
  };
  const orFail = () => {
    if (storage.unavailable-- > 0) throw new Unavailable("away");
  };
  const collector = (): Subscriber => ({
    name: "collector",
    eventTypes: new Set(["Counted"]),
    progress: storage.checkpoints.progress,
    async begin() {
      const events: RecordedEvent[] = [];
      return {
        apply: (event) => void events.push(event),
        async flush() {
          const failed = flush(events);
          orFail();
          return failed;
        },
        async commit(progress) {
          orFail();
          await storage.checkpoints.commit("collector", progress);
        },
      };
    },
  });
  const plugin = definePlugin({
    name: "collector",
    provides: { subscriber: subscriberRef },
    requires: {},
    config: z.object({}),
    start: () => Promise.resolve({ services: { subscriber: [collector()] } }),
  });
  return { storage, done, refused, plugin };
}

async function until(
  { checkpoints: { progress } }: Collected,
  holds: (loaded: Awaited<ReturnType<Progress["load"]>>) => boolean,
): Promise<void> {
  for (;;) {
    const moves = progress.whenMoved("collector", { signal: AbortSignal.timeout(5_000) });
    moves.catch(() => {});
    if (holds(await progress.load("collector"))) return;
    await moves;
  }
}
