import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { printedSeed } from "../service/chance.ts";
import { Journal } from "../service/journal.ts";
import { assertAllTrue } from "../service/replay.ts";
import { startService, temporaryDirectory } from "../service/service.ts";
import { aggregatesIn, succeeds } from "../service/task.ts";
import { Writers } from "../service/writers.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

const ENTRIES = 500;

describe("an export of the embedded store", () => {
  it("is imported beside a copy of the service on the cluster store, and its export into an embedded one", async () => {
    await using keyspace = await freshKeyspace("transfer");
    await using directory = await temporaryDirectory();
    const [there, back] = [`${directory.path}/there.jsonl`, `${directory.path}/back.jsonl`];
    const cluster = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name };
    const journal = new Journal();
    await write(directory.path, journal);
    await succeeds("export", { directory: directory.path, args: [there] });
    {
      const options = { directory: "data/none", task: "start:cluster", environment: cluster } as const;
      await using copy = await startService(options);
      const told = await succeeds("import", { directory: "data/none", args: [there], environment: cluster });
      const events = journal.count("acknowledged");
      assertStringIncludes(told, `The store has the ${events} events of `);
      assertStringIncludes(told, `${there}, ${events} of them new.`);
      await assertAllTrue(copy, journal);
      await succeeds("export", { directory: "data/none", args: [back], environment: cluster });
    }
    assertEquals(await aggregatesIn(back), await aggregatesIn(there));
    const again = await succeeds("import", { directory: "data/none", args: [there], environment: cluster });
    assertStringIncludes(again, `${there}, 0 of them new.`);
    const other = `${directory.path}/other`;
    await succeeds("import", { directory: other, args: [back] });
    await using service = await startService({ directory: other });
    await assertAllTrue(service, journal);
  });
});

async function write(directory: string, journal: Journal): Promise<void> {
  await using service = await startService({ directory });
  const writers = new Writers(journal, { seed: printedSeed("transfer_cluster_test"), count: 8 });
  await writers.write(service, () => journal.entries.length >= ENTRIES);
  assert(journal.count("acknowledged") > ENTRIES / 2);
  assertEquals((await service.end("SIGTERM")).code, 0);
}
