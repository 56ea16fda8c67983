import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { z } from "zod";
import { Unavailable } from "../../core/ports/event_store.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { PermanentError, type Subscriber, subscriberRef } from "../../core/ports/subscriber.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { placeOf } from "../contract/samples.ts";
import { counter } from "./counter.ts";
import { metricOf, openRig, type Rig } from "./rig.ts";

/** A subscriber that does each event when it comes, and notes when it was asked to. */
async function openSubscriber(handle: (place: string) => void, environment: Record<string, string> = {}) {
  const storage = createMemoryStorage();
  const runtime = virtualRuntime({ seed: 11 });
  const asked: [place: string, atMs: number][] = [];
  const done: string[] = [];
  const subscriber: Subscriber = {
    name: "outside",
    eventTypes: new Set(["Counted"]),
    progress: storage.checkpoints.progress,
    begin: () =>
      Promise.resolve({
        apply(event) {
          asked.push([placeOf(event), runtime.monotonicMs()]);
          handle(placeOf(event));
          done.push(placeOf(event));
        },
        commit: (progress) => storage.checkpoints.commit("outside", progress),
      }),
  };
  const plugin = definePlugin({
    name: "outside",
    provides: { subscriber: subscriberRef },
    requires: {},
    config: z.object({}),
    start: () => Promise.resolve({ services: { subscriber: [subscriber] } }),
  });
  const rig = await openRig({ modules: [counter], storage, runtime, plugins: [plugin], environment });
  return { rig, runtime, asked, done, parked: async () => (await storage.checkpoints.progress.load("outside")).parked };
}

function count(rig: Rig, id: string) {
  return rig.execute({ module: "counter", id, body: { type: "Count", by: 1 } });
}

/** The times between two tries, each of which may be half as long by chance. */
function assertSpaced(asked: readonly [string, number][], longestMs: readonly number[]): void {
  const waits = asked.slice(1).map(([, atMs], at) => atMs - (asked[at]?.[1] ?? 0));
  const within = waits.map((ms, at) => ms >= (longestMs[at] ?? 0) / 2 && ms <= (longestMs[at] ?? 0));
  assertEquals([waits.length, within.every(Boolean)], [longestMs.length, true], `found ${waits}`);
}

const failing = () => {
  throw new Error("always");
};

describe("what a subscriber fails on", () => {
  for (
    const [policy, longestMs] of [
      ["default", [100, 200]],
      ["aggressive", [50, 100, 200, 400]],
      ["conservative", [200]],
    ] as const
  ) {
    it(`is tried as the ${policy} policy says, and then given up`, async () => {
      const opened = await openSubscriber(failing, { RETRY_POLICY: policy });
      await using _rig = opened.rig;
      await count(opened.rig, "a");
      await opened.runtime.advance(60_000);
      assertSpaced(opened.asked, longestMs);
      const [parked] = await opened.parked();
      assertEquals([parked?.attempts, parked?.givenUp, parked?.eventType], [longestMs.length + 1, true, "Counted"]);
      const counted = { retry_attempts_total: longestMs.length, retry_failure_total: 1, dlq_messages_total: 1 };
      for (const [name, value] of Object.entries(counted)) {
        assertEquals([name, await metricOf(opened.rig, name, { subscription: "outside" })], [name, value]);
      }
      const letters = { subscription: "outside", event_type: "Counted" };
      assertEquals(await metricOf(opened.rig, "dlq_messages_by_event_type", letters), 1);
    });
  }

  it("is given up at once where no further try will help", async () => {
    const opened = await openSubscriber(() => {
      throw new PermanentError("no such address");
    });
    await using _rig = opened.rig;
    await count(opened.rig, "a");
    await opened.runtime.advance(60_000);
    assertEquals(opened.asked.length, 1);
    assertEquals((await opened.parked()).map(({ givenUp, error }) => [givenUp, error]), [
      [true, "PermanentError: no such address"],
    ]);
  });

  it("counts as recovered once a further try went well", async () => {
    let failures = 2;
    const opened = await openSubscriber(() => {
      if (failures-- > 0) throw new Error("not yet");
    });
    await using _rig = opened.rig;
    await count(opened.rig, "a");
    await opened.runtime.advance(1_000);
    assertEquals([opened.done, await opened.parked()], [["a/1"], []]);
    assertEquals(await metricOf(opened.rig, "retry_success_total"), 1);
    assertEquals(await metricOf(opened.rig, "retry_failure_total"), 0);
  });
});

describe("what a subscriber depends on", () => {
  it("is asked no more once it has failed five times, and parks nothing however long it is away", async () => {
    let isAway = true;
    const opened = await openSubscriber(() => {
      if (isAway) throw new Unavailable("away");
    });
    const { rig, runtime, asked } = opened;
    await using _rig = rig;
    await count(rig, "a");
    await count(rig, "b");
    await runtime.advance(20_000);
    assertEquals(asked.length, 5);
    assertEquals(await metricOf(rig, "circuit_breaker_state", { breaker: "outside" }), 1);
    await runtime.advance(600_000);
    const tries = asked.length;
    assertEquals([tries >= 5 + 14 && tries <= 5 + 20, await opened.parked()], [true, []], `${tries} tries`);
    isAway = false;
    await runtime.advance(40_000);
    assertEquals(opened.done, ["a/1", "b/1"]);
    assertEquals(await metricOf(rig, "circuit_breaker_state", { breaker: "outside" }), 2);
    for (const id of ["c", "d"]) {
      await count(rig, id);
      await runtime.advance(1_000);
    }
    assertEquals(opened.done, ["a/1", "b/1", "c/1", "d/1"]);
    assertEquals(await metricOf(rig, "circuit_breaker_state", { breaker: "outside" }), 0);
    const transitions = (state: string) =>
      metricOf(rig, "circuit_breaker_transitions_total", { breaker: "outside", state });
    assertEquals([await transitions("closed"), await transitions("open") > 10], [1, true]);
  });

  it("is waited for as long as BREAKER_MS says", async () => {
    const opened = await openSubscriber(
      () => {
        throw new Unavailable("away");
      },
      { BREAKER_MS: "1000" },
    );
    await using _rig = opened.rig;
    await count(opened.rig, "a");
    await opened.runtime.advance(60_000);
    assertEquals(opened.asked.length > 15, true, `found ${opened.asked.length} tries`);
  });
});
