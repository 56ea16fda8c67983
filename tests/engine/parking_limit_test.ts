import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { PermanentError, type Subscriber } from "../../core/ports/subscriber.ts";
import { RequestLog } from "../../core/engine/request_log.ts";
import { RETRY_POLICIES } from "../../core/engine/retry.ts";
import { Subscription } from "../../core/engine/subscription.ts";
import { subscriptionMetrics } from "../../core/engine/subscription_metrics.ts";
import { OrderBook, type RedriveData, REQUESTS } from "../../core/engine/subscription_orders.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { appendNext, placeOf, sampleEvent, streamOf } from "../contract/samples.ts";
import { keptLog, UNCOUNTED } from "../contract/surroundings.ts";

const NAME = "outside";
const HALF_A_MINUTE_MS = 30_000;

/** A subscription that may park two aggregates, of a subscriber that never takes what it is told to refuse. */
function openSubscription() {
  const storage = createMemoryStorage();
  const { store, source: changes, checkpoints: { progress, commit } } = storage;
  const runtime = virtualRuntime({ seed: 1 });
  const requests = new RequestLog({ store, runtime, book: new OrderBook() });
  const done: string[] = [];
  const broken = new Set<string>();
  const subscriber: Subscriber = {
    name: NAME,
    eventTypes: new Set(["Counted"]),
    progress,
    begin: () =>
      Promise.resolve({
        apply(event) {
          if (broken.has(event.aggregateId)) throw new PermanentError("broken");
          done.push(placeOf(event));
        },
        commit: (update) => commit(NAME, update),
      }),
  };
  const metrics = subscriptionMetrics(UNCOUNTED)(NAME);
  const policy = RETRY_POLICIES.default;
  const parts = { changes, store, runtime, log: keptLog(), metrics, requests, policy };
  const subscription = new Subscription(subscriber, { ...parts, breakerMs: HALF_A_MINUTE_MS, maxParked: 2 });
  const life = new AbortController();
  const running = subscription.run({ signal: life.signal, beat() {}, rest() {} });
  return {
    ...{ runtime, subscription, done, broken },
    parked: async () => (await progress.load(NAME)).parked.map(({ aggregateId }) => aggregateId),
    count: (id: string) => appendNext(store, streamOf(id), [sampleEvent()]),
    redrive(filter: RedriveData["filter"]) {
      const data: RedriveData = { filter, per_second: 1_000, total: 1 };
      return requests.add({ by: "ada", correlationId: "c" }, async () => ({ type: REQUESTS.redriven, data }));
    },
    async [Symbol.asyncDispose]() {
      life.abort();
      await running;
    },
  };
}

describe("a subscription that has parked as many aggregates as it may", () => {
  it("stands still at the next one, loses nothing, and goes on once a redrive has freed one", async () => {
    await using opened = openSubscription();
    const { runtime, subscription, broken, done } = opened;
    for (const id of ["a", "b", "c"]) broken.add(id);
    for (const id of ["a", "b"]) await opened.count(id);
    await runtime.advance(1_000);
    assertEquals([await opened.parked(), subscription.waitingFor], [["a", "b"], undefined]);
    for (const id of ["c", "good", "a"]) await opened.count(id);
    await runtime.advance(10 * HALF_A_MINUTE_MS);
    assertMatch(
      subscription.waitingFor ?? "",
      /^2 aggregates are parked, .*: mend the subscriber and restart, or redri/,
    );
    assertEquals([await opened.parked(), done.includes("good/1")], [["a", "b"], false]);

    broken.delete("a");
    await opened.redrive({ aggregate_id: "a" });
    await runtime.advance(2 * HALF_A_MINUTE_MS);
    assertEquals([await opened.parked(), subscription.waitingFor], [["b", "c"], undefined]);
    assertEquals(done.filter((place) => place.startsWith("a/")), ["a/1", "a/2"]);
    assertEquals(done.includes("good/1"), true);

    broken.clear();
    await opened.redrive({});
    await runtime.advance(1_000);
    assertEquals([await opened.parked(), new Set(done)], [[], new Set(["a/1", "a/2", "b/1", "c/1", "good/1"])]);
  });
});
