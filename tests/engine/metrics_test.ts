import { assertAlmostEquals, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { until } from "../contract/surroundings.ts";
import health from "../../plugins/health/mod.ts";
import { counter } from "./counter.ts";
import { metricOf, metricsPage, openRig } from "./rig.ts";

const COMMANDS = 30;
const EVENTS_EACH = 100;
const PAGE_EVENTS = 1_000;
const VIEW = { projection: "counter_totals_v1" };

describe("the metrics of the feed", () => {
  it("tell how far a view has come that is made from what is stored", async () => {
    const storage = createMemoryStorage();
    await fill(storage);
    const { source, proceed } = haltingBehind(PAGE_EVENTS, storage.source);
    await using rig = await openRig({ modules: [counter], storage: { ...storage, source } });
    const events = COMMANDS * EVENTS_EACH;
    await until(async () => await metricOf(rig, "projection_lag_events", VIEW) === events - PAGE_EVENTS);
    assertAlmostEquals(await metricOf(rig, "projection_rebuild_progress_ratio", VIEW), PAGE_EVENTS / events);
    assertGreater(await metricOf(rig, "projection_lag_seconds", VIEW), 0);
    proceed();
    await until(async () => await metricOf(rig, "projection_rebuild_progress_ratio", VIEW) === 1);
    assertEquals(await metricOf(rig, "projection_lag_events", VIEW), 0);
    assertEquals(await metricOf(rig, "projection_lag_seconds", VIEW), 0);
    const subscription = { subscription: VIEW.projection };
    assertEquals(await metricOf(rig, "cdc_events_processed_total", subscription), events);
    assertEquals(await metricOf(rig, "cdc_processing_duration_seconds_count", subscription), events / PAGE_EVENTS);
    assertGreater(await metricOf(rig, "cdc_processing_duration_seconds_sum", subscription), 0);
  });

  it("show all counts from 0 on, so that a first one is seen as growth", async () => {
    await using rig = await openRig({ modules: [counter] });
    for (const name of ["append_conflicts_total", "idempotent_replays_total", "cdc_events_failed_total"]) {
      assertMatch(await metricsPage(rig), new RegExp(`^${name}(\\{.*\\})? 0$`, "m"));
    }
  });
});

describe("the metrics of the process", () => {
  it("show a thread that is held up, once", async () => {
    await using rig = await openRig({ modules: [counter], plugins: [health] });
    assertGreater(await metricOf(rig, "process_resident_memory_bytes"), 10_000_000);
    const began = performance.now();
    while (performance.now() - began < 700);
    await until(async () => await metricOf(rig, "event_loop_lag_seconds") > 0.1);
  });
});

async function fill(storage: ReturnType<typeof createMemoryStorage>): Promise<void> {
  await using rig = await openRig({ modules: [counter], storage, streamer: false });
  for (let at = 0; at < COMMANDS; at++) {
    await rig.execute({ module: "counter", id: `c-${at}`, body: { type: "Count", by: 1, times: EVENTS_EACH } });
  }
}

/** A source that shows so many events, and the others once it may. */
function haltingBehind(events: number, source: ChangeSource): { source: ChangeSource; proceed: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    proceed: resolve,
    source: {
      ...source,
      async *changes(options) {
        let shown = 0;
        for await (const page of source.changes(options)) {
          if (shown >= events) await promise;
          shown += page.events.length;
          yield page;
        }
      },
    },
  };
}
