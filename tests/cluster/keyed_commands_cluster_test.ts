import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { CommandOutcome } from "../../core/engine/command_bus.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { openTestStore } from "../../plugins/storage_scylla/test_event_store.ts";
import { serverAddress, uniqueName } from "../../plugins/storage_scylla/test_storage.ts";
import { appendNext, sampleEvents, streamOf } from "../contract/samples.ts";
import { counter } from "../engine/counter.ts";
import { openRig, type Rig } from "../engine/rig.ts";
import { startProxy } from "./cql_proxy.ts";

const BATCH = { opcode: "BATCH" } as const;
/** Longer than a busy server takes for what is not troubled. */
const TIMEOUT_MS = 2_000;
/** Long enough for some sends of a batch that waits: then its outcome is unknown. */
const SETTLE_MS = 5_000;
/** Longer than what the other copy does meanwhile takes. */
const PATIENT = { settleMs: 30_000 };

/** Two copies of the service: the first one's way to the database can be troubled. */
async function openCopies({ bucketEvents = 50_000, settleMs = SETTLE_MS } = {}) {
  await using stack = new AsyncDisposableStack();
  const name = uniqueName("keyed");
  const layout = { bucketEvents };
  const proxy = stack.use(startProxy({ target: serverAddress() }));
  const far = stack.use(
    await openTestStore({ name, layout, address: proxy.address, timeoutMs: TIMEOUT_MS, settleMs }),
  );
  const near = stack.use(await openTestStore({ name, layout }));
  const open = async (opened: typeof near) => {
    const storage = { ...createMemoryStorage(), store: opened.store, snapshots: opened.snapshots };
    return stack.use(await openRig({ modules: [counter], storage, streamer: false }));
  };
  const [one, two] = [await open(far), await open(near)];
  await count(one, { by: 10, id: "warm", key: "warm" }); // Prepares the statements.
  const disposing = stack.move();
  return {
    proxy,
    one,
    two,
    stored: async () => {
      const events = await near.store.read(streamOf("a", "counter"), { after: 0, limit: 1_000 });
      return events.map(({ data }) => data["by"]);
    },
    [Symbol.asyncDispose]: () => disposing.disposeAsync(),
  };
}

type Count = { readonly by: number; readonly id?: string; readonly key?: string; readonly times?: number };

async function count(rig: Rig, { by, id = "a", times, ...request }: Count & Record<string, unknown>) {
  const body = { type: "Count", by, ...(times === undefined ? {} : { times }) };
  return await rig.execute({ module: "counter", id, body, ...request });
}

function short(outcome: CommandOutcome) {
  return outcome.is === "done" ? [outcome.version, outcome.replayed] : outcome.is;
}

/** Refused by what the caller expects, and not by the state: so two copies may decide differently on one version. */
const NEVER = { precondition: { version: 99 } } as const;

describe("a keyed command on two copies", () => {
  it("has one effect when it is repeated elsewhere while its outcome is unknown", async () => {
    await using copies = await openCopies();
    const { proxy, one, two } = copies;
    const held = proxy.holdRequests(BATCH);
    assertEquals(short(await count(one, { by: 5, key: "k" })), "outcome_unknown");
    assertEquals(short(await count(two, { by: 5, key: "k" })), [1, false]);
    held.release();
    proxy.pass();
    assertEquals(short(await count(one, { by: 5, key: "k" })), [1, true]);
    assertEquals(short(await count(two, { by: 5, key: "k" })), [1, true]);
    assertEquals(await copies.stored(), [5]);
  });

  it("is found by the other when it was stored and only its answer was lost", async () => {
    await using copies = await openCopies();
    copies.proxy.dropResponses(BATCH);
    assertEquals(short(await count(copies.one, { by: 5, key: "k" })), "outcome_unknown");
    assertEquals(short(await count(copies.two, { by: 5, key: "k" })), [1, true]);
    assertEquals(await copies.stored(), [5]);
  });

  for (const started of [0, 3]) {
    it(`never appears once it was refused elsewhere, on a stream at version ${started}`, async () => {
      await using copies = await openCopies();
      const { proxy, one, two } = copies;
      if (started > 0) await count(one, { by: 1, times: started });
      const held = proxy.holdRequests(BATCH);
      assertEquals(short(await count(one, { by: 5, key: "k" })), "outcome_unknown");
      assertEquals(short(await count(two, { by: 5, key: "k", ...NEVER })), "precondition_failed");
      held.release();
      proxy.pass();
      // The requests that were held come before this one on the same connection.
      assertEquals(short(await count(one, { by: 7, key: "later" })), [started + 1, false]);
      assertEquals(await copies.stored(), [...Array(started).fill(1), 7]);
    });
  }

  it("ends without an answer when it sees, on its way, that others may have answered it", async () => {
    await using copies = await openCopies(PATIENT);
    const { proxy, one, two } = copies;
    // It begins by a look at the stream, whose fence it remembers.
    await count(two, { by: 1 });
    const held = proxy.holdRequests(BATCH);
    const first = count(one, { by: 5, key: "k" });
    await held.arrived;
    assertEquals(short(await count(two, { by: 5, key: "k", ...NEVER })), "precondition_failed");
    held.release();
    assertEquals(short(await first), "unavailable");
    assertEquals(await copies.stored(), [1]);
    assertEquals(short(await count(one, { by: 5, key: "k" })), [2, false]);
  });

  it("sees an answer of others in a bucket that is full by then, too", async () => {
    await using copies = await openCopies({ ...PATIENT, bucketEvents: 4 });
    const { proxy, one, two } = copies;
    await count(two, { by: 1, times: 3 });
    const held = proxy.holdRequests(BATCH);
    const first = count(one, { by: 5, key: "k" });
    await held.arrived;
    assertEquals(short(await count(two, { by: 5, key: "k", ...NEVER })), "precondition_failed");
    assertEquals(short(await count(two, { by: 1, times: 2 })), [5, false]);
    held.release();
    assertEquals(short(await first), "unavailable");
    assertEquals(await copies.stored(), [1, 1, 1, 1, 1]);
  });

  it("is not answered with a refusal from a state that has moved", async () => {
    await using copies = await openCopies();
    const { one, two } = copies;
    await count(one, { by: 1 });
    await count(two, { by: 4 });
    assertEquals(short(await count(one, { by: -3, key: "k" })), [3, false]);
    assertEquals(await copies.stored(), [1, 4, -3]);
  });

  it("goes through although others have answered other keys since it was last here", async () => {
    await using copies = await openCopies();
    const { one, two } = copies;
    await count(one, { by: 1 });
    assertEquals(short(await count(two, { by: -5, key: "refused" })), "rejected");
    assertEquals(short(await count(one, { by: 5, key: "k" })), [2, false]);
    assertEquals(short(await count(two, { by: -50, key: "again" })), "rejected");
    assertEquals(short(await count(one, { by: 1 })), [3, false]);
  });

  it("that is refused beside others that are stored is closed along with them", async () => {
    await using copies = await openCopies(PATIENT);
    const { proxy, one, two } = copies;
    const held = proxy.holdRequests(BATCH);
    const first = count(one, { by: 5, key: "k" });
    await held.arrived;
    // Both wait behind the first one of copy two, and are decided together.
    const waiting = [count(two, { by: 1 }), count(two, { by: 2 }), count(two, { by: 5, key: "k", ...NEVER })];
    assertEquals((await Promise.all(waiting)).map(short), [[1, false], [2, false], "precondition_failed"]);
    held.release();
    assertEquals(short(await first), "unavailable");
    assertEquals(await copies.stored(), [1, 2]);
  });

  it("is not begun too late, when others may have answered it again and again", async () => {
    await using opened = await openTestStore();
    const { store } = opened;
    await appendNext(store, streamOf("a"), sampleEvents(1));
    const begin = () => store.attempt?.(streamOf("a"), { deadlineMs: 0 });
    await assertRejects(async () => await begin()?.close(1), Unavailable, "found it too late");
    const options = { expectedVersion: 1, events: sampleEvents(1), closing: false };
    await assertRejects(async () => await begin()?.append(options), Unavailable, "found it too late");
    assertEquals(await store.version(streamOf("a")), 1);
  });
});
