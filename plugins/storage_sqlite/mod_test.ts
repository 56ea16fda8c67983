import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import storageSqlite from "./mod.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import { temporaryDirectory } from "./test_storage.ts";

describe("the plugin storage_sqlite", () => {
  it("keeps its files in DATA_DIR, which is ./data when nothing is said", () => {
    assertEquals(storageSqlite.config.parse({}), { DATA_DIR: "./data" });
    assertEquals(storageSqlite.config.safeParse({ DATA_DIR: "" }).success, false);
  });

  it("starts, is healthy, stops, and starts again", async () => {
    await using directory = await temporaryDirectory();
    for (let start = 0; start < 2; start++) {
      const { signal } = new AbortController();
      const config = { DATA_DIR: directory.path };
      const parts = { log: keptLog(), runtime: virtualRuntime({ seed: 1 }) };
      const running = await storageSqlite.start({
        services: { ...parts, supervision: openBranch(parts) },
        config,
        signal,
      });
      assertEquals(Object.keys(running.services).sort(), Object.keys(storageSqlite.provides).sort());
      assertEquals(running.health?.(), { status: "pass" });
      await running.stop?.(signal);
    }
  });
});
