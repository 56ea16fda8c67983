import { assertEquals } from "@std/assert";
import { until } from "../contract/surroundings.ts";
import { printedSeed } from "../service/chance.ts";
import { Journal } from "../service/journal.ts";
import { timed } from "../service/program.ts";
import { startService } from "../service/service.ts";
import { Writers } from "../service/writers.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress, cassandraPid, pauseCassandra } from "./server.ts";

const SOME_LOAD = 50;
const WRITERS = 8;

Deno.test({
  name: "SIGTERM while the database stands still, with commands under way, ends with 0 in time",
  ignore: cassandraPid() === undefined,
  async fn() {
    await using keyspace = await freshKeyspace("paused");
    await using service = await startService({
      ...{ directory: "data/none", task: "start:cluster" },
      environment: { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name },
    });
    const seed = printedSeed("paused_server_stop_alone_cluster_test");
    const journal = new Journal();
    let over = false;
    const writing = new Writers(journal, { seed, count: WRITERS }).write(service, () => over);
    writing.catch(() => {});
    await until(() => journal.count("acknowledged") > SOME_LOAD);
    await using _paused = await pauseCassandra();
    await until(() => journal.count("unknown") >= WRITERS);
    over = true;
    const { code, stderr } = await timed(service.end("SIGTERM"));
    assertEquals(code, 0, stderr);
    await writing;
  },
});
