import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type EventStore, Unavailable } from "../../core/ports/event_store.ts";
import type { Plugin } from "../../core/ports/plugin.ts";
import storageMemory from "../../plugins/storage_memory/mod.ts";
import { assertProblem, openService } from "./rig.ts";

const SECRET = "disk at /var/secret is full";
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };

type Failing = { readonly plugin: Plugin; fault?: Error; readFault?: Error; hold?: Promise<void> };

/** The memory store, whose appends or reads fail, or wait, while their fault is set. */
function failingStorage(): Failing {
  const plugin: Plugin = storageMemory;
  const storage: Failing = { plugin };
  const start: Plugin["start"] = async (given) => {
    const started = await plugin.start(given);
    const store = started.services.eventStore as EventStore;
    const append: EventStore["append"] = async (stream, options) => {
      if (storage.fault) throw storage.fault;
      await storage.hold;
      return await store.append(stream, options);
    };
    const read: EventStore["read"] = async (stream, options) => {
      if (storage.readFault) throw storage.readFault;
      return await store.read(stream, options);
    };
    return { ...started, services: { ...started.services, eventStore: { ...store, append, read } } };
  };
  return Object.assign(storage, { plugin: { ...plugin, start } });
}

describe("a fault behind the doors", () => {
  it("of the storage is 503, reads go on, and it passes by itself", async () => {
    const storage = failingStorage();
    await using service = await openService({ storage: storage.plugin });
    await service.send("/accounts/a", { body: OPEN });
    storage.fault = new Unavailable(SECRET);
    const refused = await service.send("/accounts/a", { body: { type: "Deposit", amount: 1 } });
    assertProblem(refused, 503, "unavailable");
    assertEquals(refused.headers.get("retry-after"), "1");
    assertFalse(refused.text.includes("secret"));
    assertEquals((await service.send("/accounts/a")).body.version, 1);
    delete storage.fault;
    assertEquals((await service.send("/accounts/a", { body: { type: "Deposit", amount: 1 } })).body.version, 2);
  });

  it("of a storage that hangs is 503 for a command, which may take effect later", async () => {
    const storage = failingStorage();
    await using service = await openService({
      storage: storage.plugin,
      // The command that is sent again has to be answered in it.
      environment: { COMMAND_TIMEOUT_MS: "1000" },
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    storage.hold = promise;
    const headers = { "idempotency-key": "k" };
    const unknown = await service.send("/accounts/a", { body: OPEN, headers });
    assertProblem(unknown, 503, "outcome_unknown");
    assertEquals(unknown.body.idempotency_key, "k");
    resolve();
    const again = await service.send("/accounts/a", { body: OPEN, headers });
    assertEquals([again.status, again.headers.get("idempotent-replayed")], [201, "true"]);
  });

  it("of the storage is 503 for a read that needs it", async () => {
    const storage = failingStorage();
    await using service = await openService({ storage: storage.plugin });
    storage.readFault = new Unavailable(SECRET);
    const refused = await service.send("/accounts/a/events");
    assertProblem(refused, 503, "unavailable");
    assertFalse(refused.text.includes("secret"));
    assertEquals(service.lines.filter((line) => line.startsWith("error")), []);
  });

  it("of the code is 500 without a word of it, and the log has it all", async () => {
    const storage = failingStorage();
    await using service = await openService({ storage: storage.plugin });
    storage.fault = new TypeError(SECRET);
    const failed = await service.send("/accounts/a", { body: OPEN });
    assertProblem(failed, 500, "internal");
    assertFalse(failed.text.includes("secret"));
    const line = service.lines.find((each) => each.startsWith("error A request failed"));
    assert(line !== undefined);
    assertStringIncludes(line, SECRET);
    assertStringIncludes(line, String(failed.body.correlation_id));
    assertProblem(await service.send("/accounts/a/events"), 404, "not_found");
  });
});
