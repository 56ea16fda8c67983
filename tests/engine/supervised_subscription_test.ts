import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import type { ReadModels } from "../../core/ports/read_models.ts";
import { type Component, supervisionRef } from "../../core/ports/supervision.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { counterSum, counterTotals, counterWith } from "./counter.ts";
import { ANONYMOUS, metricOf, openRig, type Rig } from "./rig.ts";

const SUM = "counter_sum_v1";
const TOTALS = "counter_totals_v1";
const modules = [counterWith({ projections: [counterTotals, counterSum] })];

/** How the sum's own read model misbehaves; the other's does not. */
type Fault = (storage: ReadModels) => Partial<ReadModels>;

async function openFaulty(fault: Fault) {
  const runtime = virtualRuntime({ seed: 3 });
  const storage = createMemoryStorage();
  const faulty = { ...storage.readModels, ...fault(storage.readModels) };
  const readModels: ReadModels = {
    ...storage.readModels,
    known: (model, keys) => (model.incarnation === SUM ? faulty : storage.readModels).known(model, keys),
    write: (model, change) => (model.incarnation === SUM ? faulty : storage.readModels).write(model, change),
    progress: {
      load: (name) => (name === SUM ? faulty : storage.readModels).progress.load(name),
      parked: (...given) => storage.readModels.progress.parked(...given),
      standing: (...given) => storage.readModels.progress.standing(...given),
      whenMoved: (...given) => storage.readModels.progress.whenMoved(...given),
    },
  };
  const rig = await openRig({ modules, storage: { ...storage, readModels }, runtime });
  const count = () => rig.execute({ module: "counter", id: "a", body: { type: "Count", by: 1 } });
  return { rig, runtime, count };
}

function component(rig: Rig, name: string): Component {
  const streamer = rig.app.service(supervisionRef).tree().children.find((each) => each.name === "cdc_streamer");
  const found = streamer?.children.find((each) => each.name === name);
  if (found === undefined) throw new Error(`expected a component ${name}`);
  return found;
}

async function documentOf(rig: Rig, view: string, key: string) {
  const served = rig.registry.views.get(view);
  if (served === undefined) throw new Error(`no view ${view}`);
  const answer = await rig.queries.document(served, { principal: ANONYMOUS, key });
  return answer.is === "found" ? answer.document.document : undefined;
}

async function assertOthersUntouched(rig: Rig, counted: number): Promise<void> {
  const { state, restarts, lastError } = component(rig, TOTALS);
  assertEquals([state, restarts, lastError], ["running", 0, null]);
  assertEquals(await documentOf(rig, "counter_totals", "a"), { total: counted, count: counted });
}

describe("a supervised subscription", () => {
  it("that dies is restarted where it was, and counts the pages it was given and dealt with", async () => {
    let dies = 1;
    const { rig, runtime, count } = await openFaulty((storage) => ({
      known: (...given) => dies-- > 0 ? Promise.reject(new TypeError("a fault")) : storage.known(...given),
    }));
    await count();
    await runtime.advance(1_000);
    await count();
    await runtime.advance(1_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 2, count: 2 });
    const { state, restarts, lastError } = component(rig, SUM);
    assertEquals([state, restarts, lastError], ["running", 1, "TypeError: a fault"]);
    await assertOthersUntouched(rig, 2);
    const ofSum = { component: SUM };
    assertEquals(await metricOf(rig, "supervisor_restarts_total", ofSum), 1);
    assertEquals(await metricOf(rig, "actor_messages_sent_total", ofSum), 3);
    assertEquals(await metricOf(rig, "actor_messages_received_total", ofSum), 2);
    assertEquals(await metricOf(rig, "actor_messages_received_total", { component: TOTALS }), 2);
    await rig.app.stop();
    assertEquals(runtime.pending, 0);
  });

  it("that keeps dying is held back, says so in health, and heals once it is mended", async () => {
    let broken = true;
    const { rig, runtime, count } = await openFaulty((storage) => ({
      known: (...given) => broken ? Promise.reject(new TypeError("a fault")) : storage.known(...given),
    }));
    await count();
    await runtime.advance(60_000);
    assertEquals(component(rig, SUM).state, "held_back");
    await assertOthersUntouched(rig, 1);
    broken = false;
    await runtime.advance(60_000);
    assertEquals(component(rig, SUM).state, "running");
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 1, count: 1 });
    assertEquals(await metricOf(rig, "supervisor_restarts_total", { component: "cdc_streamer" }), 1);
    await rig.app.stop();
  });

  it("that hangs is begun anew, and the run that was left behind can do no harm when it wakes", async () => {
    const stuck = Promise.withResolvers<void>();
    let hangs = true;
    const { rig, runtime, count } = await openFaulty((storage) => ({
      async known(...given) {
        if (!hangs) return await storage.known(...given);
        hangs = false;
        const found = await storage.known(...given);
        await stuck.promise;
        return found;
      },
    }));
    await count();
    await runtime.advance(0);
    await count();
    await runtime.advance(50_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), undefined);
    await runtime.advance(30_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 2, count: 2 });
    assertMatch(component(rig, SUM).lastError ?? "", /It hangs: it has not moved for 60 s/);
    await assertOthersUntouched(rig, 2);
    stuck.resolve();
    await runtime.advance(1_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 2, count: 2 });
    await count();
    await runtime.advance(1_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 3, count: 3 });
    assertEquals(component(rig, SUM).restarts, 1);
    await rig.app.stop();
    assertEquals(runtime.pending, 0);
  });

  it("that hangs in a commit waits for the storage, so that no page counts twice", async () => {
    const landing = Promise.withResolvers<void>();
    let writes = 0;
    let loads = 0;
    const { rig, runtime, count } = await openFaulty((storage) => ({
      async write(...given) {
        writes += 1;
        if (writes === 1) await landing.promise;
        return await storage.write(...given);
      },
      progress: {
        ...storage.progress,
        async load(name) {
          const found = await storage.progress.load(name);
          loads += 1;
          if (loads === 2) landing.resolve();
          return found;
        },
      },
    }));
    await count();
    await runtime.advance(150_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), undefined);
    assertMatch(component(rig, SUM).lastError ?? "", /It hangs/);
    await assertOthersUntouched(rig, 1);
    landing.resolve();
    await runtime.advance(20_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 1, count: 1 });
    await count();
    await runtime.advance(1_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 2, count: 2 });
    await rig.app.stop();
    assertEquals(runtime.pending, 0);
  });

  it("that has nothing to do for hours is left in peace", async () => {
    const { rig, runtime, count } = await openFaulty(() => ({}));
    await count();
    await runtime.advance(7_200_000);
    assertEquals([component(rig, SUM).restarts, component(rig, TOTALS).restarts], [0, 0]);
    await count();
    await runtime.advance(1_000);
    assertEquals(await documentOf(rig, "counter_sum", "all"), { total: 2, count: 2 });
    await rig.app.stop();
  });
});
