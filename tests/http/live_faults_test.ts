import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type EventStore, eventStoreRef, Unavailable } from "../../core/ports/event_store.ts";
import type { Plugin } from "../../core/ports/plugin.ts";
import storageMemory from "../../plugins/storage_memory/mod.ts";
import { appendNext, sampleEvent, streamOf } from "../contract/samples.ts";
import { assertProblem, openService } from "./rig.ts";
import { SseReader } from "./sse_reader.ts";

const EVENTS = "/accounts/a/events";

describe("a live stream over a store that fails", () => {
  it("is refused when it begins in an outage", async () => {
    const storage = failingStorage();
    await using service = await openService({ storage: storage.plugin });
    storage.fault = new Unavailable("away");
    assertProblem(await service.send(EVENTS, { headers: { accept: "text/event-stream" } }), 503, "unavailable");
  });

  it("stays open through an outage, and goes on behind it", async () => {
    const storage = failingStorage();
    await using service = await openService({ storage: storage.plugin });
    await service.send("/accounts/a", { body: { type: "OpenAccount", owner: "Alice", initial_balance: 1 } });
    await using now = await SseReader.open(service.url + EVENTS);
    const first = now.next();
    storage.failingReads = 2;
    await using reader = await SseReader.open(`${service.url}${EVENTS}?from=beginning`);
    assertEquals((await reader.take(1)).map(({ id }) => id), ["1"]);
    await service.send("/accounts/a", { body: { type: "Deposit", amount: 1 } });
    assertEquals([(await first)?.id, (await reader.next())?.id], ["2", "2"]);
    assertEquals(service.lines.filter((line) => /^(warn|error)/.test(line)), []);
  });

  it("ends when the store is broken, which the log tells", async () => {
    const storage = failingStorage();
    await using service = await openService({ storage: storage.plugin });
    await service.send("/accounts/a", { body: { type: "OpenAccount", owner: "Alice", initial_balance: 1 } });
    storage.bug = new TypeError("a bug");
    const id = "0193b5a0-7c1e-7000-8000-000000000001";
    const headers = { "x-correlation-id": id };
    await using reader = await SseReader.open(`${service.url}${EVENTS}?from=beginning`, { headers });
    assertEquals(await reader.next(), undefined);
    const [line, ...others] = service.lines.filter((line) => line.startsWith("error"));
    assertEquals([line, others], [
      `error A live stream failed; its reader comes back {"correlation_id":"${id}","error":"TypeError: a bug"}`,
      [],
    ]);
  });
});

describe("a live stream of an aggregate that a newer deploy writes, too", () => {
  it("tells events of types unknown here in their place", async () => {
    await using service = await openService();
    await service.send("/accounts/a", { body: { type: "OpenAccount", owner: "Alice", initial_balance: 1 } });
    await using reader = await SseReader.open(service.url + EVENTS);
    const first = reader.next();
    const store = service.app.service(eventStoreRef);
    for (const eventType of ["AccountFrozen", "MoneyDeposited"]) {
      await appendNext(store, streamOf("a", "account"), [sampleEvent({ eventType })]);
    }
    assertEquals([await first, await reader.next()].map((told) => [told?.id, told?.type]), [
      ["2", "AccountFrozen"],
      ["3", "MoneyDeposited"],
    ]);
  });
});

type Failing = { readonly plugin: Plugin; fault?: Error; bug?: Error; failingReads: number };

/** The memory store, which cannot tell a version while it has a fault, and fails so many reads; accounts' a bug. */
function failingStorage(): Failing {
  const plugin: Plugin = storageMemory;
  const storage: Failing = { plugin, failingReads: 0 };
  const start: Plugin["start"] = async (given) => {
    const started = await plugin.start(given);
    const store = started.services.eventStore as EventStore;
    const failing: Pick<EventStore, "read" | "version"> = {
      async version(stream) {
        if (storage.fault) throw storage.fault;
        return await store.version(stream);
      },
      async read(stream, options) {
        if (storage.bug && stream.aggregateType === "account") throw storage.bug;
        if (storage.failingReads-- > 0) throw new Unavailable("away");
        return await store.read(stream, options);
      },
    };
    return { ...started, services: { ...started.services, eventStore: { ...store, ...failing } } };
  };
  return Object.assign(storage, { plugin: { ...plugin, start } });
}
