import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { setImmediate } from "node:timers/promises";
import { systemRuntime } from "./mod.ts";

describe("the real runtime", () => {
  it("tells one time within a turn of the event loop, and a later one in the next", async () => {
    const [turnMs, beforeMs] = [systemRuntime.turnMs(), systemRuntime.monotonicMs()];
    while (systemRuntime.monotonicMs() === beforeMs);
    assertEquals(systemRuntime.turnMs(), turnMs);
    await setImmediate();
    assert(systemRuntime.turnMs() > beforeMs);
  });

  it("makes ids of version 7 that are all others, of the millisecond in which they were made", () => {
    const beforeMs = systemRuntime.now();
    const ids = Array.from({ length: 10_000 }, () => systemRuntime.newId());
    const afterMs = systemRuntime.now();
    assertEquals(new Set(ids).size, ids.length);
    for (const id of ids) {
      assert(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id), id);
      const madeMs = parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
      assert(beforeMs <= madeMs && madeMs <= afterMs, id);
    }
  });
});
