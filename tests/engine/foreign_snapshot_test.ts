import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { counter } from "./counter.ts";
import { ANONYMOUS, openRig, type Rig } from "./rig.ts";

describe("a snapshot of another past", () => {
  it("is not believed, whether its event is another one now or is not there at all", async () => {
    const first = createMemoryStorage();
    {
      await using rig = await openRig({ modules: [counter], storage: first, streamer: false });
      await count(rig, { by: 1, times: 2 });
      assertEquals([...first.snapshotTexts.keys()].length, 1, "a snapshot was saved");
    }
    for (const times of [2, 1]) {
      // As after a restore of the events alone: the snapshots are those of what came to nothing.
      const storage = { ...createMemoryStorage(), snapshots: first.snapshots };
      {
        const rest = { ...storage, snapshots: createMemoryStorage().snapshots };
        await using writing = await openRig({ modules: [counter], storage: rest, streamer: false });
        await count(writing, { by: 7, times });
      }
      await using rig = await openRig({ modules: [counter], storage, streamer: false });
      assertEquals(await totalOf(rig), { version: 100 * times, total: 700 * times });
    }
  });
});

/** So many times a hundred: past the length at which a snapshot is saved. */
async function count(rig: Rig, { by, times }: { by: number; times: number }): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const outcome = await rig.execute({ module: "counter", id: "a", body: { type: "Count", by, times: 100 } });
    assertEquals(outcome.is, "done");
  }
}

async function totalOf({ registry, queries }: Rig) {
  const served = registry.byName.get("counter");
  if (served === undefined) throw new Error("expected the counter to be served");
  const found = await queries.state(served, { principal: ANONYMOUS, id: "a" });
  return found.is === "found" ? { version: found.version, total: found.state["total"] } : found;
}
