import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { CommandOutcome } from "../../core/engine/command_bus.ts";
import { type AppendOutcome, type EventStore, Unavailable } from "../../core/ports/event_store.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { counter, counterWith, NO_ANSWERS } from "./counter.ts";
import { ANONYMOUS, metricOf, openRig, type Rig } from "./rig.ts";

const open = () => openRig({ modules: [counter], streamer: false });

function count(
  rig: Rig,
  by: number,
  more: { id?: string; key?: string; times?: number } & Record<string, unknown> = {},
) {
  const { id = "a", times, ...request } = more;
  const body = { type: "Count", by, ...(times === undefined ? {} : { times }) };
  return rig.execute({ module: "counter", id, body, ...request });
}

function doneOf(outcome: CommandOutcome) {
  if (outcome.is !== "done") throw new Error(`expected done, found ${JSON.stringify(outcome)}`);
  return outcome;
}

async function historyOf(rig: Rig, id = "a") {
  const served = rig.registry.byName.get("counter");
  if (served === undefined) throw new Error("the counter is served");
  const found = await rig.queries.history(served, { principal: ANONYMOUS, id, after: 0, limit: 2000 });
  return found.is === "found" ? found.events : [];
}

describe("CommandBus", () => {
  it("appends what is decided and answers with version, creation and events", async () => {
    await using rig = await open();
    const first = doneOf(await count(rig, 2, { times: 2 }));
    assertEquals([first.version, first.created, first.events.map((event) => event.sequenceNumber)], [2, true, [1, 2]]);
    const second = doneOf(await count(rig, 1));
    assertEquals([second.version, second.created, second.replayed], [3, false, false]);
    assertEquals((await historyOf(rig)).map(({ data }) => data), [{ by: 2 }, { by: 2 }, { by: 1 }]);
  });

  it("answers a rejection, and a command that changes nothing, without an event", async () => {
    await using rig = await open();
    await count(rig, 1);
    assertEquals(await count(rig, -2), {
      is: "rejected",
      rejection: { rejected: "below_zero", detail: { total: 1 } },
    });
    const touched = doneOf(await rig.execute({ module: "counter", id: "a", body: { type: "Touch" } }));
    assertEquals([touched.version, touched.events.length, touched.created], [1, 0, false]);
    assertEquals((await historyOf(rig)).length, 1);
  });

  it("decides neighbours one behind the other: of two that fit only once, one is rejected", async () => {
    await using rig = await open();
    await count(rig, 10);
    const outcomes = await Promise.all([count(rig, -6), count(rig, -6), count(rig, 1), count(rig, -5)]);
    assertEquals(outcomes.map(({ is }) => is), ["done", "rejected", "done", "done"]);
    assertEquals((await historyOf(rig)).map(({ data }) => data.by), [10, -6, 1, -5]);
  });

  it("asks preconditions of the stream as the neighbours before leave it", async () => {
    await using rig = await open();
    const exists = { precondition: "exists" } as const;
    const missing = { precondition: "missing" } as const;
    const at = (version: number) => ({ precondition: { version } });
    const outcomes = await Promise.all([
      count(rig, 1, exists),
      count(rig, 1, missing),
      count(rig, 1, missing),
      count(rig, 1, at(1)),
      count(rig, 1, at(1)),
      count(rig, 1, exists),
    ]);
    const failed = (version: number) => ({ is: "precondition_failed", version } as const);
    assertEquals(outcomes.map((each) => each.is === "done" ? each.version : each), [
      failed(0),
      1,
      failed(1),
      2,
      failed(2),
      3,
    ]);
  });

  it("takes a keyed command sent a hundred times at once, and again later, for one", async () => {
    await using rig = await open();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => count(rig, 1, { key: "once" })));
    const answers = outcomes.map(doneOf);
    assertEquals(answers.filter(({ replayed }) => !replayed).length, 1);
    assertEquals(new Set(answers.map(({ events }) => events[0]?.eventId)).size, 1);
    await count(rig, 5);
    const later = doneOf(await count(rig, 1, { key: "once", precondition: { version: 99 } }));
    assertEquals([later.version, later.created, later.replayed], [1, true, true]);
    assertEquals((await historyOf(rig)).length, 2);
    assertEquals(await metricOf(rig, "idempotent_replays_total"), 100);
  });

  it("takes twins that wait together behind another command for one, too", async () => {
    await using rig = await open();
    const waiting = [
      count(rig, 1),
      count(rig, 2, { key: "k" }),
      count(rig, 2, { key: "k" }),
      count(rig, 3, { key: "k" }),
    ];
    const [, first, twin, other] = await Promise.all(waiting);
    assertEquals([first, twin].map((each) => each?.is === "done" && each.replayed), [false, true]);
    assertEquals(other?.is, "key_reused");
    assertEquals((await historyOf(rig)).map(({ data }) => data.by), [1, 2]);
  });

  it("refuses a key with another body, keeps principals apart, and knows the last 1,024 keys", async () => {
    await using rig = await open();
    await count(rig, 1, { key: "k" });
    assertEquals((await count(rig, 2, { key: "k" })).is, "key_reused");
    const other = { sub: "somebody", claims: {} };
    assertEquals(doneOf(await count(rig, 2, { key: "k", principal: other })).version, 2);
    for (const round of [1, 2]) {
      await Promise.all(Array.from({ length: 511 }, (_, at) => count(rig, 1, { key: `${round} ${at}` })));
    }
    assertEquals(doneOf(await count(rig, 1, { key: "k" })).replayed, true);
    await count(rig, 1, { key: "one too many" });
    assertEquals(doneOf(await count(rig, 1, { key: "k" })).replayed, false);
  });

  it("decides a keyed command again that was rejected or changed nothing", async () => {
    await using rig = await open();
    assertEquals((await count(rig, -1, { key: "k" })).is, "rejected");
    await count(rig, 1);
    assertEquals(doneOf(await count(rig, -1, { key: "k" })).version, 2);
  });

  it("knows its keys, versions and states from a snapshot too", async () => {
    await using rig = await open();
    await count(rig, 1, { key: "early" });
    for (let round = 0; round < 3; round += 1) await count(rig, 1, { times: 100 });
    const { storage } = rig;
    const reads: number[] = [];
    const store: EventStore = {
      ...storage.store,
      read(stream, options) {
        reads.push(options.after);
        return storage.store.read(stream, options);
      },
    };
    await using cold = await openRig({ modules: [counter], streamer: false, storage: { ...storage, store } });
    assertEquals(doneOf(await count(cold, -301)).version, 302);
    assertEquals((await count(cold, -1)).is, "rejected");
    assertEquals(reads.includes(0), false, "the stream was read from its first event although there is a snapshot");
    assertEquals(doneOf(await count(cold, 1, { key: "early" })).replayed, true);
  });

  it("asks allow with the state, before anything is told of it", async () => {
    await using rig = await open();
    const principal = { sub: "guest", claims: {} };
    assertEquals((await count(rig, 5, { principal })).is, "done");
    assertEquals((await count(rig, -100, { principal })).is, "forbidden");
    assertEquals((await count(rig, 1, { principal, precondition: "missing" })).is, "forbidden");
  });

  it("lets nobody in by an allow that gives anything but true, as types are not checked", async () => {
    for (const given of NO_ANSWERS) {
      const allow = (() => given) as unknown as () => boolean;
      await using rig = await openRig({ modules: [counterWith({ allow })], streamer: false });
      assertEquals((await count(rig, 1)).is, "forbidden", String(given));
    }
  });

  it("refuses more than 100 events of one command, and splits neighbours that are more together", async () => {
    await using rig = await open();
    assertEquals((await count(rig, 1, { times: 101 })).is, "too_large");
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => count(rig, 1, { times: 60 })));
    assertEquals(outcomes.map((each) => doneOf(each).version), [60, 120, 180, 240, 300]);
    const note = "x".repeat(300_000);
    const notes = await Promise.all(
      Array.from({ length: 3 }, () => rig.execute({ module: "counter", id: "b", body: { type: "Note", note } })),
    );
    assertEquals(notes.map((each) => doneOf(each).version), [1, 2, 3]);
    const body = { type: "Note", note: "x".repeat(600_000) };
    assertEquals((await rig.execute({ module: "counter", id: "b", body })).is, "too_large");
  });

  it("fails the one command whose decider has a bug or smuggles a field, and stores nothing of it", async () => {
    await using rig = await open();
    const breaking = rig.execute({ module: "counter", id: "a", body: { type: "Break" } });
    const smuggling = rig.execute({ module: "counter", id: "a", body: { type: "Smuggle" } });
    const fine = count(rig, 1);
    await assertRejects(() => breaking, Error, "a bug in the decider");
    await assertRejects(() => smuggling);
    assertEquals(doneOf(await fine).version, 1);
    assertEquals(await metricOf(rig, "commands_total", { outcome: "failed" }), 2);
  });

  it("bounds the bytes that wait, whatever the streams", async () => {
    const storage = createMemoryStorage();
    const { promise: stalled, resolve: goOn } = Promise.withResolvers<void>();
    const store: EventStore = {
      ...storage.store,
      async append(stream, options) {
        await stalled;
        return await storage.store.append(stream, options);
      },
    };
    await using rig = await openRig({ modules: [counter], streamer: false, storage: { ...storage, store } });
    const body = { type: "Note", note: "x".repeat(250_000) };
    const notes = Array.from({ length: 400 }, (_, at) => rig.execute({ module: "counter", id: `${at}`, body }));
    goOn();
    const overloaded = (await Promise.all(notes)).filter(({ is }) => is === "overloaded").length;
    assert(overloaded > 100 && overloaded < 200, `expected 400 less 64 MB, found ${overloaded} refused`);
    assertEquals(doneOf(await rig.execute({ module: "counter", id: "399", body })).version, 1);
  });

  it("folds what is stored, so that nothing changes when it is read again", async () => {
    await using rig = await open();
    await rig.execute({ module: "counter", id: "a", body: { type: "Name", name: "Alice" } });
    await rig.execute({ module: "counter", id: "a", body: { type: "Name" } });
    const found = rig.registry.byName.get("counter");
    if (found === undefined) throw new Error("the counter is served");
    const live = await rig.queries.state(found, { principal: ANONYMOUS, id: "a" });
    const replayed = await rig.queries.state(found, { principal: ANONYMOUS, id: "a", moment: { version: 2 } });
    assertEquals(live, { is: "found", version: 2, state: { total: 0, name: "Alice" } });
    assertEquals(replayed, live);
  });

  it("bounds what waits on one stream", async () => {
    await using rig = await open();
    const outcomes = await Promise.all(Array.from({ length: 1_200 }, () => count(rig, 1)));
    const overloaded = outcomes.filter(({ is }) => is === "overloaded").length;
    assert(overloaded > 0 && overloaded <= 200, `expected up to 200 refusals, found ${overloaded}`);
    assertEquals((await historyOf(rig)).length, 1_200 - overloaded);
  });

  it("counts commands, events and durations by name and outcome", async () => {
    await using rig = await open();
    await count(rig, 1, { times: 3 });
    await count(rig, -9);
    const labels = { module: "counter", command: "Count" };
    assertEquals(await metricOf(rig, "commands_total", { ...labels, outcome: "done" }), 1);
    assertEquals(await metricOf(rig, "commands_total", { ...labels, outcome: "rejected" }), 1);
    assertEquals(await metricOf(rig, "events_appended_total", { module: "counter", type: "Counted" }), 3);
    assertEquals(await metricOf(rig, "command_duration_seconds_count", labels), 2);
  });
});

/** The engine over a store whose appends go wrong as told, one after the other; then all is well. */
async function openFaulty(faults: (AppendOutcome | "unavailable" | "applied, but unknown")[]) {
  const storage = createMemoryStorage();
  const store: EventStore = {
    ...storage.store,
    async append(stream, options) {
      const fault = faults.shift();
      if (fault === "unavailable") throw new Unavailable("the disk is full");
      if (fault === "applied, but unknown") await storage.store.append(stream, options);
      if (fault === undefined) return await storage.store.append(stream, options);
      return fault === "applied, but unknown" ? "unknown" : fault;
    },
  };
  return await openRig({ modules: [counter], streamer: false, storage: { ...storage, store } });
}

describe("CommandBus over a store in trouble", () => {
  it("decides again after a conflict, and gives up after eight", async () => {
    // The first is the answer to a guess that there is nothing yet, and does not count.
    await using rig = await openFaulty(Array.from({ length: 1 + 7 }, () => "conflict" as const));
    assertEquals((await count(rig, 1)).is, "done");
    assertEquals(await metricOf(rig, "append_conflicts_total"), 7);
    await using worse = await openFaulty(Array.from({ length: 1 + 8 }, () => "conflict" as const));
    assertEquals((await count(worse, 1)).is, "conflict");
    assertEquals((await historyOf(worse)).length, 0);
  });

  it("answers unavailable, stores nothing, and works on when the store does", async () => {
    await using rig = await openFaulty(["unavailable", "unavailable"]);
    assertEquals((await Promise.all([count(rig, 1), count(rig, 2)])).map(({ is }) => is), [
      "unavailable",
      "unavailable",
    ]);
    assertEquals((await historyOf(rig)).length, 0);
    assertEquals(doneOf(await count(rig, 3)).version, 1);
  });

  it("says outcome_unknown when it is, and a key makes the retry safe", async () => {
    await using rig = await openFaulty(["applied, but unknown", "conflict", "unknown"]);
    assertEquals((await count(rig, 1, { key: "k" })).is, "outcome_unknown");
    assertEquals(doneOf(await count(rig, 1, { key: "k" })).replayed, true);
    assertEquals((await count(rig, 1, { key: "l" })).is, "outcome_unknown");
    assertEquals(doneOf(await count(rig, 1, { key: "l" })).replayed, false);
    assertEquals((await historyOf(rig)).length, 2);
  });

  it("forgets what it had folded when an outcome is unknown", async () => {
    await using rig = await openFaulty(["applied, but unknown"]);
    assertEquals((await count(rig, -1)).is, "rejected");
    assertEquals((await count(rig, 5)).is, "outcome_unknown");
    assertEquals(doneOf(await count(rig, -5)).version, 2);
  });

  it("trusts its cache for a refusal only as the sole writer", async () => {
    const storage = createMemoryStorage();
    const shared = { ...storage, store: { ...storage.store, soleWriter: false } };
    await using here = await openRig({ modules: [counter], streamer: false, storage: shared });
    await using there = await openRig({ modules: [counter], streamer: false, storage: shared });
    await count(here, 1);
    await count(there, 9);
    assertEquals(doneOf(await count(here, -10)).version, 3);
    await count(there, 5);
    const served = here.registry.byName.get("counter");
    if (served === undefined) throw new Error("the counter is served");
    const found = await here.queries.state(served, { principal: ANONYMOUS, id: "a" });
    assertEquals(found, { is: "found", version: 4, state: { total: 5 } });
    assertEquals((await count(here, -6)).is, "rejected");
  });

  it("lets one of 64 writers on two copies win each version", async () => {
    const storage = createMemoryStorage();
    const shared = { ...storage, store: { ...storage.store, soleWriter: false } };
    await using here = await openRig({ modules: [counter], streamer: false, storage: shared });
    await using there = await openRig({ modules: [counter], streamer: false, storage: shared });
    await count(here, 1);
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, (_, at) => count(at % 2 ? here : there, 1, { precondition: { version: 1 } })),
    );
    assertEquals(outcomes.filter(({ is }) => is === "done").length, 1);
    assertEquals(outcomes.filter(({ is }) => is === "precondition_failed").length, 63);
  });
});
