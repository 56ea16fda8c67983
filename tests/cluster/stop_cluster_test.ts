import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { within } from "../contract/surroundings.ts";
import { chanceOf, printedSeed } from "../service/chance.ts";
import { Journal } from "../service/journal.ts";
import { moment, timed } from "../service/program.ts";
import { assertAllTrue } from "../service/replay.ts";
import { assertStatus, launch, startService } from "../service/service.ts";
import { stopWhileWriting } from "../service/stopping.ts";
import { Writers } from "../service/writers.ts";
import { startProxy } from "./cql_proxy.ts";
import { clientOf, freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";
import { copyOn } from "./stores.ts";

const DRAIN_MS = 1_000;
const MOMENTS = 3;
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const STARTING_MS = 120_000;
/** One of the statements, and the tables that are made only after it. */
const MADE = {
  "the first tables": { statement: /^CREATE TABLE IF NOT EXISTS outbox_messages/, later: /^read_models$/ },
  "the tables of views": {
    statement: /^CREATE TABLE IF NOT EXISTS documents_account/,
    later: /^(index_account|documents_order)/,
  },
};
const TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";

describe("SIGTERM on the cluster store", () => {
  it("under load ends with 0 in time, and loses nothing that was acknowledged", async () => {
    const seed = printedSeed("stop_cluster_test");
    const chance = chanceOf(seed);
    await using keyspace = await freshKeyspace("stop");
    const journal = new Journal();
    const writers = new Writers(journal, { seed, count: 8 });
    for (let at = 1; at <= MOMENTS; at += 1) {
      const drainMs = at % 2 === 0 ? DRAIN_MS : 0;
      await using service = await startService(copyOn(keyspace.name, { DRAIN_MS: String(drainMs) }));
      await stopWhileWriting(service, { writers, ms: chance.between(200, 1_500), onMs: drainMs / 2 });
    }
    await using service = await startService(copyOn(keyspace.name));
    await journal.retryUnknown(service);
    await assertAllTrue(service, journal);
    assert(journal.count("acknowledged") > 10 * MOMENTS, "expected some load");
  });

  it("during the start leaves nothing behind that keeps the next one from it", async () => {
    const chance = chanceOf(printedSeed("stop_cluster_test, during start"));
    await using keyspace = await freshKeyspace("stop");
    await using program = launch(copyOn(keyspace.name));
    await moment(chance.between(0, 2_500));
    program.kill("SIGTERM");
    const exit = await timed(program.exited);
    // Before Deno runs the first line, the signal itself ends it.
    assert(exit.code === 0 || exit.signal === "SIGTERM", `${exit.code} ${exit.stderr}`);
    assert(!exit.stderr.includes("    at "), exit.stderr);
    await using service = await startService(copyOn(keyspace.name));
    const opened = await service.post("/accounts/acc-001", OPEN);
    assertEquals(assertStatus(opened, 201).body.version, 1);
  });

  for (const [what, { statement, later }] of Object.entries(MADE)) {
    it(`while ${what} are made gives the lease of the schema back, and the next start goes on`, async () => {
      await using keyspace = await freshKeyspace("stop");
      await using proxy = startProxy({ target: cassandraAddress() });
      const held = proxy.holdRequests({ statement, count: 1 });
      await using program = launch(copyOn(keyspace.name, { SCYLLA_NODES: proxy.address }));
      await within(held.arrived, STARTING_MS, `${what} to be made`);
      assertEquals((await schemaIn(keyspace.name)).owners, 1);
      program.kill("SIGTERM");
      held.release();
      const { code, stderr } = await timed(program.exited);
      assertEquals(code, 0, stderr);
      const left = await schemaIn(keyspace.name);
      assertEquals([left.owners, left.tables.filter((table) => later.test(table))], [0, []]);
      await using service = await startService(copyOn(keyspace.name));
      assertStatus(await service.post("/accounts/acc-001", OPEN), 201);
      assert((await schemaIn(keyspace.name)).tables.some((table) => later.test(table)));
    });
  }

  it("while a table is made that never is ends with 0 in time, too", async () => {
    await using keyspace = await freshKeyspace("stop");
    await using proxy = startProxy({ target: cassandraAddress() });
    const { statement } = MADE["the first tables"];
    const held = proxy.holdRequests({ statement, count: 1 });
    await using program = launch(copyOn(keyspace.name, { SCYLLA_NODES: proxy.address }));
    await within(held.arrived, STARTING_MS, "a table to be made");
    program.kill("SIGTERM");
    const { code, stderr } = await timed(program.exited);
    assertEquals(code, 0, stderr);
  });
});

/** How many leases of the schema stand, and which tables there are. */
async function schemaIn(keyspace: string): Promise<{ readonly owners: number; readonly tables: readonly string[] }> {
  const client = clientOf(keyspace);
  try {
    const owners = await client.execute("SELECT owner FROM schema_lease");
    const tables = await client.execute(TABLES, [keyspace], { prepare: true });
    return { owners: owners.rowLength, tables: tables.rows.map((row) => String(row["table_name"])) };
  } finally {
    await client.shutdown();
  }
}
