import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { chanceOf, printedSeed } from "../service/chance.ts";
import { Journal } from "../service/journal.ts";
import { moment, timed } from "../service/program.ts";
import { assertAllTrue } from "../service/replay.ts";
import { assertStatus, launch, startService } from "../service/service.ts";
import { stopWhileWriting } from "../service/stopping.ts";
import { Writers } from "../service/writers.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

const DRAIN_MS = 1_000;
const MOMENTS = 3;

describe("SIGTERM on the cluster store", () => {
  it("under load ends with 0 in time, and loses nothing that was acknowledged", async () => {
    const seed = printedSeed("stop_cluster_test");
    const chance = chanceOf(seed);
    await using keyspace = await freshKeyspace("stop");
    const journal = new Journal();
    const writers = new Writers(journal, { seed, count: 8 });
    for (let at = 1; at <= MOMENTS; at += 1) {
      const drainMs = at % 2 === 0 ? DRAIN_MS : 0;
      await using service = await startService(optionsFor(keyspace.name, { DRAIN_MS: String(drainMs) }));
      await stopWhileWriting(service, { writers, ms: chance.between(200, 1_500), onMs: drainMs / 2 });
    }
    await using service = await startService(optionsFor(keyspace.name));
    await journal.retryUnknown(service);
    await assertAllTrue(service, journal);
    assert(journal.count("acknowledged") > 10 * MOMENTS, "expected some load");
  });

  it("during the start leaves nothing behind that keeps the next one from it", async () => {
    const chance = chanceOf(printedSeed("stop_cluster_test, during start"));
    await using keyspace = await freshKeyspace("stop");
    await using program = launch(optionsFor(keyspace.name));
    await moment(chance.between(0, 2_500));
    program.kill("SIGTERM");
    const exit = await timed(program.exited);
    // Before Deno runs the first line, the signal itself ends it.
    assert(exit.code === 0 || exit.signal === "SIGTERM", `${exit.code} ${exit.stderr}`);
    assert(!exit.stderr.includes("    at "), exit.stderr);
    // Stopped while it made its tables, it left the lease of the schema, which ends by itself within a minute.
    await using service = await startService(optionsFor(keyspace.name));
    const opened = await service.post("/accounts/acc-001", { type: "OpenAccount", owner: "Alice", initial_balance: 1 });
    assertEquals(assertStatus(opened, 201).body.version, 1);
  });
});

function optionsFor(keyspace: string, environment: Readonly<Record<string, string>> = {}) {
  const variables = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace, ...environment };
  return { directory: "data/none", task: "start:cluster" as const, environment: variables };
}
