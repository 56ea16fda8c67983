import { assert, assertEquals } from "@std/assert";
import { printedSeed } from "../service/chance.ts";
import { Journal, readHistories } from "../service/journal.ts";
import { moment } from "../service/program.ts";
import { assertAllTrue } from "../service/replay.ts";
import { type Service, startService } from "../service/service.ts";
import { Writers } from "../service/writers.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress, cassandraPid, pauseCassandra } from "./server.ts";
import { until } from "../contract/surroundings.ts";

const SOME_LOAD = 50;

/** Within what the store waits for an answer, and beyond that, and beyond the leases of its slices. */
for (const pauseMs of [3_000, 15_000]) {
  Deno.test({
    name: `a database that stands still for ${pauseMs / 1000} s under load takes nothing back and leaves nothing open`,
    ignore: cassandraPid() === undefined,
    async fn() {
      await using keyspace = await freshKeyspace("paused");
      await using service = await startService({
        ...{ directory: "data/none", task: "start:cluster" },
        environment: { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name },
      });
      const seed = printedSeed("paused_server_alone_cluster_test");
      const journal = new Journal();
      let over = false;
      // A writer rejects an answer that is none of yes, no and unknown, and one that does not come.
      const writing = new Writers(journal, { seed, count: 8 }).write(service, () => over);
      writing.catch(() => {});
      await until(() => journal.count("acknowledged") > SOME_LOAD);
      {
        await using _paused = await pauseCassandra();
        await moment(pauseMs / 2);
        const underWay = journal.entries.filter(({ outcome }) => outcome.is === "unknown");
        assert(underWay.length > 0, "expected commands to meet the pause, found none");
        await moment(pauseMs / 2);
      }
      await whenReady(service);
      const after = journal.entries.length;
      await until(() =>
        journal.entries.slice(after).filter(({ outcome }) => outcome.is === "acknowledged").length > SOME_LOAD
      );
      over = true;
      await writing;
      journal.check(await readHistories(service, journal.paths()));
      await journal.retryUnknown(service);
      await assertAllTrue(service, journal);
      assertEquals((await service.end("SIGTERM")).code, 0);
    },
  });
}

/** By itself, with no reason to worry. */
async function whenReady(service: Service): Promise<void> {
  await until(async () => {
    const { status, body } = await service.get("/readyz");
    return status === 200 && body.status === "pass";
  });
}
