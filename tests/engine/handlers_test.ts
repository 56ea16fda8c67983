import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { z } from "zod";
import { requestLogRef } from "../../core/engine/request_log.ts";
import { REQUEST_STREAM, REQUESTS } from "../../core/engine/subscription_orders.ts";
import { type EventStore, Unavailable } from "../../core/ports/event_store.ts";
import { defineHandler, type Handler, handlerRef } from "../../core/ports/handler.ts";
import { definePlugin, type Plugin, StartError } from "../../core/ports/plugin.ts";
import handlers from "../../plugins/handlers/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { counter } from "./counter.ts";
import { metricOf, openRig, type Rig } from "./rig.ts";

const HOUR_MS = 3_600_000;
const AWAY_STEP_MS = 5_000;

function count(rig: Rig, id: string, by: number) {
  return rig.execute({ module: "counter", id, body: { type: "Count", by } });
}

function providing(...given: readonly Handler[]): Plugin {
  return definePlugin({
    name: "outside",
    provides: { handlers: handlerRef },
    requires: {},
    config: z.object({}),
    start: () => Promise.resolve({ services: { handlers: given } }),
  });
}

/** A server that counts one effect a key, and a handler that posts to it. */
function openReceiver() {
  const effects = new Map<string, string>();
  const state = { isAway: false, requests: 0, pending: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const said = await request.text();
    state.requests += 1;
    if (state.isAway) return new Response(null, { status: 503 });
    const key = request.headers.get("idempotency-key") ?? "none";
    if (!effects.has(key)) effects.set(key, said);
    return new Response(null, { status: 204 });
  });
  const client = Deno.createHttpClient({});
  const handler = defineHandler({
    name: "teller",
    on: {
      Counted: {
        schema: z.object({ by: z.number() }),
        async handle({ by }, { aggregateId, sequenceNumber }, { idempotencyKey, signal }) {
          state.pending += 1;
          try {
            const body = `${aggregateId}/${sequenceNumber} ${by}`;
            const headers = { "idempotency-key": idempotencyKey };
            const url = `http://127.0.0.1:${server.addr.port}`;
            const response = await fetch(url, { method: "POST", body, headers, signal, client });
            await response.body?.cancel();
            if (!response.ok) throw new Unavailable(`answered ${response.status}`);
          } finally {
            state.pending -= 1;
          }
        },
      },
    },
  });
  const settled = async () => {
    do await new Promise((resolve) => setImmediate(resolve)); while (state.pending > 0);
  };
  const dispose = async () => {
    client.close();
    await server.shutdown();
  };
  return { effects, state, handler, settled, [Symbol.asyncDispose]: dispose };
}

/** One event of each of so many aggregates, and a handler that takes its time for each. */
async function slowBacklog(aggregates: number, ms: number) {
  const storage = createMemoryStorage();
  {
    await using rig = await openRig({ modules: [counter], storage, streamer: false });
    for (let at = 0; at < aggregates; at += 1) await count(rig, `a${at}`, 1);
  }
  const runtime = virtualRuntime({ seed: 3 });
  const asked: string[] = [];
  const handler = defineHandler({
    name: "slow",
    on: {
      Counted: {
        schema: z.object({ by: z.number() }),
        async handle(_, { aggregateId }) {
          asked.push(aggregateId);
          await runtime.sleep(ms);
        },
      },
    },
  });
  return { storage, runtime, asked, handler };
}

/** Tells of each counter, but fails on every 2 by an error of its own until it is mended. */
function mendable() {
  const told: string[] = [];
  const keys = new Map<string, Set<string>>();
  const state = { isBroken: true };
  const handler = defineHandler({
    name: "mendable",
    on: {
      Counted: {
        schema: z.object({ by: z.number() }),
        handle({ by }, { aggregateId, sequenceNumber }, { idempotencyKey }) {
          const event = `${aggregateId}/${sequenceNumber}`;
          keys.set(event, (keys.get(event) ?? new Set()).add(idempotencyKey));
          if (by === 2 && state.isBroken) return Promise.reject(new Error("a fault of its own"));
          told.push(event);
          return Promise.resolve();
        },
      },
    },
  });
  return { told, keys, state, plugins: [providing(handler), handlers] };
}

async function redrive({ app }: Rig, subscription: string): Promise<void> {
  const asker = { by: "ada", correlationId: crypto.randomUUID() };
  const data = { filter: { subscription }, per_second: 20, total: 1 };
  await app.service(requestLogRef).add(asker, () => Promise.resolve({ type: REQUESTS.redriven, data }));
}

describe("a handler", () => {
  it("whose receiver fails for an hour catches up in order, with one effect for each event", async () => {
    await using receiver = openReceiver();
    const { effects, state, settled } = receiver;
    const storage = createMemoryStorage();
    const runtime = virtualRuntime({ seed: 3 });
    const plugins = [providing(receiver.handler), handlers];
    await using rig = await openRig({ modules: [counter], storage, runtime, plugins });
    const advance = async (ms: number, stepMs: number) => {
      for (let at = 0; at < ms; at += stepMs) {
        await runtime.advance(stepMs);
        await settled();
      }
    };
    for (const id of ["a", "b"]) for (const by of [1, 2]) await count(rig, id, by);
    await advance(1_000, 10);
    assertEquals(effects.size, 4);
    state.isAway = true;
    for (const id of ["a", "b", "c"]) for (const by of [3, 4, 5]) await count(rig, id, by);
    await advance(HOUR_MS, AWAY_STEP_MS);
    assertEquals([effects.size, (await storage.checkpoints.progress.load("teller")).parked], [4, []]);
    assert(await metricOf(rig, "circuit_breaker_transitions_total", { breaker: "teller", state: "open" }) > 50);
    state.isAway = false;
    await advance(31_000, 1_000);
    await advance(1_000, 10);
    const told = [...effects.values()];
    for (const id of ["a", "b", "c"]) {
      const mine = told.filter((each) => each.startsWith(`${id}/`));
      const all = id === "c" ? [3, 4, 5] : [1, 2, 3, 4, 5];
      assertEquals(mine, all.map((by, at) => `${id}/${at + 1} ${by}`));
    }
    const { requests } = state;
    await advance(120_000, 1_000);
    assertEquals(state.requests, requests);
  });

  it("is not asked again about what went well because something behind it waits", async () => {
    const asked: number[] = [];
    const keys = new Map<number, Set<string>>();
    let isAway = true;
    const handler = defineHandler({
      name: "teller",
      on: {
        Counted: {
          schema: z.object({ by: z.number() }),
          handle({ by }, _, { idempotencyKey }) {
            asked.push(by);
            keys.set(by, (keys.get(by) ?? new Set()).add(idempotencyKey));
            return by === 2 && isAway ? Promise.reject(new Unavailable("away")) : Promise.resolve();
          },
        },
      },
    });
    const storage = createMemoryStorage();
    {
      await using rig = await openRig({ modules: [counter], storage, streamer: false });
      for (const by of [1, 2, 3]) await count(rig, "a", by);
    }
    const runtime = virtualRuntime({ seed: 3 });
    await using _rig = await openRig({ modules: [counter], storage, runtime, plugins: [providing(handler), handlers] });
    await runtime.advance(200);
    isAway = false;
    await runtime.advance(1_000);
    assertEquals(asked.filter((each) => each === 1).length, 1);
    assert(asked.filter((each) => each === 2).length > 1);
    assertEquals(asked.slice(-2), [2, 3]);
    assertEquals([...keys.values()].map(({ size }) => size), [1, 1, 1]);
    assertEquals(new Set([...keys.values()].flatMap((each) => [...each])).size, 3);
  });

  it("that fails on one event parks its aggregate, at once where the event has not the shape it expects", async () => {
    const handled: number[] = [];
    const handler = defineHandler({
      name: "picky",
      on: {
        Counted: {
          schema: z.object({ by: z.number().max(10) }),
          handle({ by }) {
            if (by === 7) return Promise.reject(new Error("seven"));
            handled.push(by);
            return Promise.resolve();
          },
        },
      },
    });
    const storage = createMemoryStorage();
    const runtime = virtualRuntime({ seed: 3 });
    {
      await using rig = await openRig({ modules: [counter], storage, streamer: false });
      await count(rig, "seven", 7);
      await count(rig, "seven", 8);
      await count(rig, "eleven", 11);
      await count(rig, "good", 1);
    }
    await using _rig = await openRig({ modules: [counter], storage, runtime, plugins: [providing(handler), handlers] });
    await runtime.advance(10_000);
    assertEquals(handled, [1]);
    const { parked } = await storage.checkpoints.progress.load("picky");
    const found = parked.map(({ aggregateId, attempts, error }) => [aggregateId, attempts, error.slice(0, 52)]);
    assertEquals(found.toSorted(), [
      ["eleven", 1, "PermanentError: Counted has not the expected shape; "],
      ["seven", 3, "Error: seven"],
    ]);
  });

  for (const mending of ["redrive", "restart"]) {
    it(`that failed by a fault of its own tells of all in order, once, when mended, after a ${mending}`, async () => {
      const { told, keys, state, plugins } = mendable();
      const storage = createMemoryStorage();
      const runtime = virtualRuntime({ seed: 3 });
      const parked = async () => (await storage.checkpoints.progress.load("mendable")).parked;
      {
        await using rig = await openRig({ modules: [counter], storage, runtime, plugins });
        for (const by of [1, 2, 3]) await count(rig, "a", by);
        await count(rig, "b", 1);
        await runtime.advance(10_000);
        assertEquals(told, ["a/1", "b/1"]);
        assertEquals((await parked()).map(({ aggregateId, from, givenUp }) => [aggregateId, from, givenUp]), [
          ["a", 2, true],
        ]);
        state.isBroken = false;
        await count(rig, "a", 4);
        await runtime.advance(60_000);
        assertEquals(told.length, 2, "nobody has asked for another try");
        if (mending === "redrive") await redrive(rig, "mendable");
        await runtime.advance(10_000);
        assertEquals(told.length, mending === "redrive" ? 5 : 2);
      }
      await using _rig = await openRig({ modules: [counter], storage, runtime, plugins });
      await runtime.advance(10_000);
      assertEquals([told, await parked()], [["a/1", "b/1", "a/2", "a/3", "a/4"], []]);
      assertEquals([...keys.values()].map(({ size }) => size), [1, 1, 1, 1, 1]);
    });
  }

  it("that hangs is given up after its time, and its signal aborts", async () => {
    const aborted: unknown[] = [];
    const handler = defineHandler({
      name: "hanging",
      timeoutMs: 500,
      on: {
        Counted: {
          schema: z.object({ by: z.number() }),
          handle: (_event, _source, { signal }) =>
            new Promise(() => signal.addEventListener("abort", () => aborted.push(runtime.monotonicMs()))),
        },
      },
    });
    const storage = createMemoryStorage();
    const runtime = virtualRuntime({ seed: 3 });
    await using rig = await openRig({ modules: [counter], storage, runtime, plugins: [providing(handler), handlers] });
    await count(rig, "a", 1);
    await runtime.advance(550);
    assertEquals(aborted, [500]);
    assertEquals((await storage.checkpoints.progress.load("hanging")).parked, []);
    const reason = "hanging did not end in 500 ms (event 1 of counter/a)";
    assert(rig.lines.some(({ fields }) => fields.reason === reason));
  });

  it("whose page takes minutes is not taken for hung: nothing is handled twice", async () => {
    const aggregates = 100;
    const { storage, runtime, asked, handler } = await slowBacklog(aggregates, 9_000);
    await using rig = await openRig({ modules: [counter], storage, runtime, plugins: [providing(handler), handlers] });
    await runtime.advance(300_000);
    assertEquals(asked.length, aggregates);
    assertEquals(await metricOf(rig, "supervisor_restarts_total"), 0);
  });

  it("that was paused does nothing after a restart, however long it takes to learn of that", async () => {
    const { storage, runtime, asked, handler } = await slowBacklog(3, 10);
    {
      await using rig = await openRig({ modules: [counter], storage, streamer: false });
      const data = { subscription: "slow", reason: "a deploy" };
      const asker = { by: "ada", correlationId: runtime.newId() };
      await rig.app.service(requestLogRef).add(asker, () => Promise.resolve({ type: REQUESTS.paused, data }));
    }
    let isSlow = true;
    const store: EventStore = {
      ...storage.store,
      async read(stream, options) {
        if (isSlow && stream.aggregateType === REQUEST_STREAM.aggregateType) await runtime.sleep(5_000);
        return await storage.store.read(stream, options);
      },
    };
    const plugins = [providing(handler), handlers];
    await using _rig = await openRig({ modules: [counter], storage: { ...storage, store }, runtime, plugins });
    await runtime.advance(60_000);
    isSlow = false;
    await runtime.advance(10_000);
    assertEquals(asked, []);
  });

  it("stands still in the middle of a page when it is paused, and goes on behind what is done", async () => {
    const { storage, runtime, asked, handler } = await slowBacklog(20, 1_000);
    await using rig = await openRig({ modules: [counter], storage, runtime, plugins: [providing(handler), handlers] });
    await runtime.advance(500);
    const requests = rig.app.service(requestLogRef);
    const ask = (type: string) =>
      requests.add({ by: "ada", correlationId: runtime.newId() }, () => {
        return Promise.resolve({ type, data: { subscription: "slow", reason: "a deploy" } });
      });
    await ask(REQUESTS.paused);
    await runtime.advance(60_000);
    assertEquals(asked.length, 8);
    await ask(REQUESTS.resumed);
    await runtime.advance(10_000);
    assertEquals([asked.length, new Set(asked).size], [20, 20]);
  });

  it("takes the events of the modules it names only, and needs a name of its own", async () => {
    const asked: string[] = [];
    const of = (name: string, modules: readonly string[]) =>
      defineHandler({
        name,
        modules,
        on: {
          Counted: {
            schema: z.object({}),
            handle: (_, { aggregateType }) => Promise.resolve(void asked.push(`${name} ${aggregateType}`)),
          },
        },
      });
    const runtime = virtualRuntime({ seed: 3 });
    const plugins = [providing(of("mine", ["counter"]), of("other", ["order"])), handlers];
    await using rig = await openRig({ modules: [counter], runtime, plugins });
    await count(rig, "a", 1);
    await runtime.advance(1_000);
    assertEquals(asked, ["mine counter"]);
    for (const names of [["twice", "twice"], ["Not a name"]]) {
      const wrong = providing(...names.map((name) => of(name, [])));
      await assertRejects(() => openRig({ modules: [counter], plugins: [wrong, handlers] }), StartError, "Cannot run");
    }
  });
});
