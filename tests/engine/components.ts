import { assertEquals } from "@std/assert";
import { RequestLog, requestLogRef } from "../../core/engine/request_log.ts";
import { OrderBook, REQUESTS } from "../../core/engine/subscription_orders.ts";
import { MOVED } from "../../plugins/watchdog/watch.ts";
import type { Breakable } from "./breakable.ts";
import type { FaultKind } from "../contract/fault.ts";
import { ANONYMOUS, metricOf } from "./rig.ts";

/** How a component is broken, beside its fault, and how it shows that it does its work. */
export type Line = {
  /** Has it meet its fault, where it does not within 10 s by itself. */
  readonly provoke: (service: Breakable, kind: FaultKind) => Promise<unknown>;
  readonly assertWorks: (service: Breakable) => Promise<void>;
};

const TOTALS = { view: "counter_totals", key: "a" };
const SUM = { view: "counter_sum", key: "all" };

/** Every component of a service with a broker, but the threads of the embedded store. A new one needs a line. */
export const COMPONENTS: Readonly<Record<string, Line>> = {
  requests: { provoke: byItself, assertWorks: assertRequestIsNoticed },
  counter_totals_v1: { provoke: count, assertWorks: (service) => assertIsShown(service, TOTALS) },
  counter_sum_v1: { provoke: count, assertWorks: (service) => assertIsShown(service, SUM) },
  publisher: { provoke: count, assertWorks: assertIsPublished },
  health_monitor: { provoke: byItself, assertWorks: assertChangeIsNoticed },
  event_loop_sampler: { provoke: byItself, assertWorks: assertLagIsSeen },
  watchdog_thread: { provoke: byItself, assertWorks: assertIsWatched },
  public_door: doorLine("public_door"),
  operator_door: doorLine("operator_door"),
  live_hub: { provoke: listen, assertWorks: assertIsToldLive },
  live_streams: { provoke: listen, assertWorks: assertIsKeptAlive },
};

/** Where the same is shown of the others. */
export const SHOWN_BESIDE: Readonly<Record<string, string>> = {
  events_thread: "plugins/storage_sqlite/threads_test.ts",
  views_thread: "plugins/storage_sqlite/threads_test.ts",
  topic_bells: "tests/engine/broker_local_test.ts",
  key_set: "plugins/auth_jwt/key_set_test.ts",
};

async function byItself(): Promise<void> {}

function count({ rig }: Breakable) {
  return rig.execute({ module: "counter", id: "a", body: { type: "Count", by: 1 } });
}

/** Shows the next event, and all before it. */
async function assertIsShown(service: Breakable, { view, key }: { view: string; key: string }): Promise<void> {
  const { rig, runtime } = service;
  await count(service);
  await runtime.advance(1_000);
  const served = rig.registry.views.get(view);
  const answer = served && await rig.queries.document(served, { principal: ANONYMOUS, key });
  const total = await countedOf(service);
  assertEquals(answer?.is === "found" ? answer.document.document : answer, { total, count: total });
}

async function listen(service: Breakable) {
  await count(service);
  return await service.listen();
}

async function assertIsToldLive(service: Breakable): Promise<void> {
  const reader = await service.listen();
  await count(service);
  await service.runtime.advance(1_000);
  const last = String(await countedOf(service));
  while (reader.lastId !== last) await reader.take(1);
}

/** By a sign of life. */
async function assertIsKeptAlive(service: Breakable): Promise<void> {
  const reader = await service.listen();
  const sign = reader.nextComment();
  await service.runtime.advance(20_000);
  await sign;
}

async function assertIsPublished(service: Breakable): Promise<void> {
  await count(service);
  await service.runtime.advance(1_000);
  const numbers = Array.from({ length: await countedOf(service) }, (_, at) => at + 1);
  assertEquals(service.sender.firsts("a"), numbers);
}

function countedOf({ storage }: Breakable): Promise<number> {
  return storage.store.version({ aggregateType: "counter", aggregateId: "a" });
}

async function assertRequestIsNoticed(service: Breakable): Promise<void> {
  const { rig, runtime } = service;
  const number = await askElsewhere(service, REQUESTS.paused, "of_an_old_release");
  await runtime.advance(1_000);
  assertEquals(rig.app.service(requestLogRef).orders.number, number);
}

/** That a subscription was paused and that it goes on is in the log soon, though nobody looks. */
async function assertChangeIsNoticed(service: Breakable): Promise<void> {
  const { rig, runtime } = service;
  for (
    const [request, expected] of [
      [REQUESTS.paused, "A component is not healthy"],
      [REQUESTS.resumed, "A component is healthy again"],
    ] as const
  ) {
    await askElsewhere(service, request, "counter_sum_v1");
    await runtime.advance(12_000);
    const said = rig.lines.findLast(({ fields }) => fields["component"] === "cdc_streamer");
    assertEquals(said?.message, expected);
  }
}

/** A timer that fires late, as all do while the thread is held up, shows. */
async function assertLagIsSeen({ rig, runtime, late }: Breakable): Promise<void> {
  late.ms = 700;
  await runtime.advance(5_000);
  assertEquals(await metricOf(rig, "event_loop_lag_seconds"), 0.7);
  late.ms = 0;
  await runtime.advance(5_000);
}

/** Another copy takes a request, which this one has to find; its number. */
async function askElsewhere({ storage, runtime }: Breakable, type: string, subscription: string): Promise<number> {
  const elsewhere = new RequestLog({ store: storage.store, runtime, book: new OrderBook() });
  const asker = { by: "operator", correlationId: runtime.newId() };
  await elsewhere.add(asker, () => Promise.resolve({ type, data: { subscription, reason: "a test" } }));
  return elsewhere.orders.number;
}

async function assertIsWatched({ watching, runtime }: Breakable): Promise<void> {
  const moved = () => Atomics.load(watching.counters, MOVED);
  const before = moved();
  await runtime.advance(5_000);
  assertEquals(moved() - before, 5);
}

function doorLine(door: string): Line {
  return {
    async provoke({ url, faultOf, endServer }, kind) {
      if (kind === "hangs") return await statusOf(`${url(door)}/counters/${door}`);
      // It ends by itself: one that dies may be opened again, and one that keeps dying may not.
      if (kind === "dies") faultOf(door).mend();
      await endServer(door);
    },
    async assertWorks({ url }) {
      assertEquals(await statusOf(`${url(door)}/livez`), 200);
    },
  };
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.body?.cancel();
  return answer.status;
}
