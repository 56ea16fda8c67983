import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Demand } from "../../core/engine/demand.ts";
import { createProjector } from "../../core/engine/projector.ts";
import { createRegistry, type ServedView } from "../../core/engine/registry.ts";
import { backoffMs } from "../../core/engine/retry.ts";
import { type RecordedEvent, Unavailable } from "../../core/ports/event_store.ts";
import type { ReadModels } from "../../core/ports/read_models.ts";
import type { Subscriber } from "../../core/ports/subscriber.ts";
import { startProxy } from "./cql_proxy.ts";
import { NO_PROGRESS } from "../contract/read_model_samples.ts";
import { sampleEvent } from "../contract/samples.ts";
import { counter } from "../engine/counter.ts";
import { CqlError, type CqlSession, type Statement } from "../../plugins/storage_scylla/session.ts";
import { openTestReadModels } from "../../plugins/storage_scylla/test_read_models.ts";
import { realRuntime } from "../contract/surroundings.ts";
import { openTestSession, serverAddress } from "../../plugins/storage_scylla/test_storage.ts";

const STREAMS = 12;
const EVENTS_PER_STREAM = 15;

const view = ((): ServedView => {
  const found = createRegistry([{ module: counter, location: "counter", fingerprint: "" }]).views.get("counter_sum");
  if (found === undefined) throw new Error("expected the view counter_sum, found none");
  return found;
})();

function projectorOn(readModels: ReadModels): Subscriber {
  return createProjector(view, { readModels, demand: new Demand(realRuntime) });
}

function counted(stream: number, sequenceNumber: number): RecordedEvent {
  const event = sampleEvent({ data: { by: 1 } });
  return { ...event, aggregateType: "counter", aggregateId: `s${stream}`, sequenceNumber };
}

function eventsOf(streams: number, each: number): RecordedEvent[] {
  return Array.from({ length: streams * each }, (_, at) => counted(at % streams, Math.floor(at / streams) + 1));
}

/** As a subscription does: what gave no answer is delivered again. */
async function deliver(projector: Subscriber, pages: readonly (readonly RecordedEvent[])[]): Promise<void> {
  for (const events of pages) {
    for (let tries = 1;; tries++) {
      try {
        const unit = await projector.begin(events);
        for (const event of events) await unit.apply(event);
        await unit.commit(NO_PROGRESS);
        break;
      } catch (error) {
        if (!(error instanceof Unavailable) || tries === 50) throw error;
        await realRuntime.sleep(backoffMs(tries, realRuntime));
      }
    }
  }
}

function pagesOf(events: readonly RecordedEvent[], size: number): RecordedEvent[][] {
  return Array.from({ length: Math.ceil(events.length / size) }, (_, at) => events.slice(at * size, (at + 1) * size));
}

async function sumIn(readModels: ReadModels): Promise<unknown> {
  return (await readModels.get(view.model, ["all"])).get("all")?.document;
}

describe("a document of many streams on a real server", () => {
  for (const seed of [1, 2, 3]) {
    it(`counts each event once, however often told and by whom, whatever answers are lost (dice ${seed})`, async () => {
      await using opened = await openTestReadModels();
      const dice = diceFrom(seed);
      const copies = [0, 1, 2].map(() => opened.copy(unreliable(opened.session, dice)));
      for (const copy of copies) await copy.prepare(view.model);
      const events = eventsOf(STREAMS, EVENTS_PER_STREAM);
      await Promise.all(copies.map(async (copy, at) => {
        await deliver(projectorOn(copy), pagesOf(events, 7 + at * 6));
        await deliver(projectorOn(copy), pagesOf(events, 50));
      }));
      const total = STREAMS * EVENTS_PER_STREAM;
      assertEquals(await sumIn(copies[0] ?? opened.readModels), { total, count: total });
    });
  }

  it("counts a write once whose answer never came", async () => {
    await using proxy = startProxy({ target: serverAddress() });
    await using opened = await openTestReadModels();
    await using through = await openTestSession({ address: proxy.address, timeoutMs: 2_000 });
    const copy = opened.copy(through.session);
    await copy.prepare(view.model);
    proxy.dropResponses({ opcode: "BATCH", statement: /IF rev/, count: 2 });
    await deliver(projectorOn(copy), pagesOf(eventsOf(3, 4), 6));
    assertEquals(await sumIn(copy), { total: 12, count: 12 });
  });

  it("is written in batches that a server takes, however many streams come together", async () => {
    await using opened = await openTestReadModels();
    const sizes: number[] = [];
    const measured: CqlSession = {
      ...opened.session,
      batch(statements) {
        sizes.push(statements.length);
        return opened.session.batch(statements);
      },
    };
    const copy = opened.copy(measured);
    await copy.prepare(view.model);
    await deliver(projectorOn(copy), [eventsOf(350, 2)]);
    await deliver(projectorOn(copy), [eventsOf(350, 2)]);
    assertEquals(await sumIn(copy), { total: 700, count: 700 });
    for (const size of sizes) assertLessOrEqual(size, 101);
    assert(sizes.length >= 4);
  });
});

/** Of the conditional writes some are done and not answered, some never sent, and some sent only later. */
function unreliable(session: CqlSession, dice: () => number): CqlSession {
  let late: readonly Statement[] | undefined;
  return {
    ...session,
    async batch(statements) {
      if (late !== undefined) await session.batch(late);
      late = undefined;
      const thrown = dice();
      if (thrown > 0.3) return await session.batch(statements);
      if (thrown < 0.1) await session.batch(statements);
      else if (thrown < 0.2) late = statements;
      throw new CqlError("unknown", "no answer came");
    },
  };
}

/** Mulberry32. */
function diceFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
