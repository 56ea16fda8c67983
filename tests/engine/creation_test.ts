import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { EventStore } from "../../core/ports/event_store.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { counter } from "./counter.ts";
import { metricOf, openRig } from "./rig.ts";

/** A rig that counts how often a stream is read. */
async function open(storage = createMemoryStorage()) {
  let reads = 0;
  const store: EventStore = {
    ...storage.store,
    read(stream, options) {
      reads += 1;
      return storage.store.read(stream, options);
    },
  };
  const rig = await openRig({ modules: [counter], streamer: false, storage: { ...storage, store } });
  const create = (by: number, key?: string) =>
    rig.execute({ module: "counter", id: "a", body: { type: "Count", by }, key });
  return { rig, create, reads: () => reads, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

describe("a command that creates", () => {
  it("is appended as version 1 without a read", async () => {
    await using opened = await open();
    const outcome = await opened.create(1);
    assertEquals([outcome.is, outcome.is === "done" && outcome.created, opened.reads()], ["done", true, 0]);
  });

  it("is refused only after a read", async () => {
    await using opened = await open();
    assertEquals([(await opened.create(-1)).is, opened.reads()], ["rejected", 1]);
  });

  it("finds what an earlier process stored under that id, and counts no conflict", async () => {
    const storage = createMemoryStorage();
    {
      await using before = await open(storage);
      await before.create(5, "k");
    }
    await using after = await open(storage);
    const again = await after.create(5, "k");
    assertEquals([again.is, again.is === "done" && again.replayed], ["done", true]);
    const another = await after.create(-5, "l");
    assertEquals([another.is, another.is === "done" && another.version], ["done", 2]);
    assertEquals(await metricOf(after.rig, "append_conflicts_total"), 0);
  });

  it("decides on what is stored, not on the guess that nothing is", async () => {
    const storage = createMemoryStorage();
    {
      await using before = await open(storage);
      await before.create(5);
    }
    await using after = await open(storage);
    assertEquals((await after.create(-3)).is, "done");
  });
});
