import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Unavailable } from "../../core/ports/event_store.ts";
import { openTestStore } from "../../plugins/storage_scylla/test_event_store.ts";
import { serverAddress, uniqueName } from "../../plugins/storage_scylla/test_storage.ts";
import { appendNext, sampleEvents, streamOf } from "../contract/samples.ts";
import { type CqlProxy, startProxy, type Which } from "./cql_proxy.ts";

const BATCH = { opcode: "BATCH" } as const;
const ANNOUNCEMENT = { opcode: "EXECUTE", statement: /INTO outbox_messages/ } as const;
/** Longer than a busy server takes for what is not troubled. */
const TIMEOUT_MS = 2_000;
/** For what is never answered: long enough for some sends of it. */
const SHORT = { settleMs: 5_000 };

/** A store behind a proxy, and another one that sees the same and meets no trouble. */
async function openRig({ settleMs = 30_000 } = {}) {
  await using stack = new AsyncDisposableStack();
  const name = uniqueName("appends");
  const proxy = stack.use(startProxy({ target: serverAddress() }));
  const direct = stack.use(await openTestStore({ name }));
  const behind = stack.use(
    await openTestStore({ name, address: proxy.address, timeoutMs: TIMEOUT_MS, settleMs }),
  );
  await appendNext(behind.store, streamOf("warm"), sampleEvents(1)); // Prepares the statements.
  const disposing = stack.move();
  return { proxy, direct, store: behind.store, [Symbol.asyncDispose]: () => disposing.disposeAsync() };
}

type Rig = Awaited<ReturnType<typeof openRig>>;

async function storedIn({ direct }: Rig): Promise<readonly string[]> {
  return (await direct.store.read(streamOf("a"), { after: 0, limit: 100 })).map((event) => event.eventId);
}

async function announcedIn({ direct }: Rig): Promise<readonly unknown[]> {
  const { aggregateType } = direct.apart(streamOf("a"));
  const cql = "SELECT commit_id FROM outbox_messages WHERE aggregate_type = ? AND aggregate_id = 'a' ALLOW FILTERING";
  return (await direct.session.execute({ cql, values: [aggregateType] })).map((row) => row["commit_id"]);
}

describe("an append through a network in trouble", () => {
  const troubles: readonly (readonly [string, (proxy: CqlProxy, which: Which) => void])[] = [
    ["the answer is lost", (proxy, which) => proxy.dropResponses(which)],
    ["the request is lost", (proxy, which) => proxy.dropRequests(which)],
    ["the connection is cut", (proxy, which) => proxy.cutResponses(which)],
  ];
  for (const [what, trouble] of troubles) {
    it(`is stored once and acknowledged when ${what}`, async () => {
      await using rig = await openRig();
      trouble(rig.proxy, { ...BATCH, count: 1 });
      const events = sampleEvents(3);
      assertEquals(await rig.store.append(streamOf("a"), { expectedVersion: 0, events }), "applied");
      assertEquals(await storedIn(rig), events.map((event) => event.eventId));
      assertEquals((await announcedIn(rig)).length, 1);
      assertEquals(await rig.store.append(streamOf("a"), { expectedVersion: 3, events: sampleEvents(1) }), "applied");
    });
  }

  it("is unknown when no answer comes, whether it was stored or not", async () => {
    await using rig = await openRig(SHORT);
    const events = sampleEvents(2);
    rig.proxy.dropRequests(BATCH);
    assertEquals(await rig.store.append(streamOf("a"), { expectedVersion: 0, events }), "unknown");
    rig.proxy.pass();
    assertEquals(await storedIn(rig), []);
    rig.proxy.dropResponses(BATCH);
    assertEquals(await rig.store.append(streamOf("a"), { expectedVersion: 0, events }), "unknown");
    rig.proxy.pass();
    assertEquals(await storedIn(rig), events.map((event) => event.eventId));
    assertEquals(await rig.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) }), "conflict");
    assertEquals(await rig.store.version(streamOf("a")), 2);
  });

  it("is announced before, and not sent before the announcement is durable", async () => {
    await using rig = await openRig();
    const held = rig.proxy.holdRequests(ANNOUNCEMENT);
    const [executes, batches] = [rig.proxy.requests("EXECUTE"), rig.proxy.requests("BATCH")];
    const appended = rig.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    await held.arrived;
    // By then the driver has given it up, and the store has sent another one.
    while (rig.proxy.requests("EXECUTE") < executes + 2) await rig.direct.store.version(streamOf("a"));
    assertEquals(rig.proxy.requests("BATCH"), batches);
    held.release();
    assertEquals(await appended, "applied");
  });

  it("is refused for certain when its announcement does not come through", async () => {
    await using rig = await openRig(SHORT);
    rig.proxy.dropRequests(ANNOUNCEMENT);
    const batches = rig.proxy.requests("BATCH");
    const append = () => rig.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    await assertRejects(append, Unavailable);
    assertEquals(rig.proxy.requests("BATCH"), batches);
  });

  it("fails, and is decided again, once its fence was changed while it was on its way", async () => {
    await using rig = await openRig();
    await appendNext(rig.store, streamOf("a"), sampleEvents(1));
    const held = rig.proxy.holdRequests(BATCH);
    const appended = rig.store.append(streamOf("a"), { expectedVersion: 1, events: sampleEvents(1) });
    await held.arrived;
    const attempt = rig.direct.store.attempt?.(streamOf("a"), { deadlineMs: Infinity });
    assertEquals(await attempt?.close(1), true);
    held.release();
    assertEquals(await appended, "conflict");
    assertEquals((await storedIn(rig)).length, 1);
    assertEquals(await rig.store.append(streamOf("a"), { expectedVersion: 1, events: sampleEvents(1) }), "applied");
  });

  it("is lost to another one that was stored while its answer was on its way", async () => {
    await using rig = await openRig();
    const held = rig.proxy.holdRequests(BATCH);
    const appended = rig.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(2) });
    await held.arrived;
    const events = sampleEvents(1);
    assertEquals(await rig.direct.store.append(streamOf("a"), { expectedVersion: 0, events }), "applied");
    held.release();
    assertEquals(await appended, "conflict");
    assertEquals(await storedIn(rig), events.map((event) => event.eventId));
  });

  it("stays unknown when the server goes away while it is in doubt", async () => {
    await using rig = await openRig(SHORT);
    const held = rig.proxy.holdRequests({ ...BATCH, count: 1 });
    const appended = rig.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    await held.arrived;
    rig.proxy.refuse();
    assertEquals(await appended, "unknown");
  });

  it("is refused at once by a server that is away, and works when it is back", async () => {
    await using rig = await openRig(SHORT);
    rig.proxy.refuse();
    const append = () => rig.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    await assertRejects(append, Unavailable, "The database did not answer");
    rig.proxy.pass();
    const tried = () => append().catch((error) => error instanceof Unavailable ? "away" : Promise.reject(error));
    let outcome = await tried();
    while (outcome === "away") {
      await rig.direct.store.version(streamOf("a"));
      outcome = await tried();
    }
    assertEquals(outcome, "applied");
  });
});
