import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { startServer } from "../../tasks/cluster/server.ts";
import { answersCql } from "./cassandra/cql_probe.ts";
import { shell } from "./cassandra/shell.ts";
import { cassandraAddress, cassandraPid, pauseCassandra } from "./server.ts";

const PROBE_MS = 1_000;

describe("the server of a run", () => {
  it("is mended for the next file, frozen or dead", async () => {
    await using server = await startServer();
    const { CASSANDRA: address = "", CASSANDRA_PID: pid = "" } = server.environment();
    await shell('kill -s STOP "$0"', [pid]);
    assertEquals([await answers(address), await server.obituary()], [false, undefined]);
    await server.mend();
    assertEquals([await answers(address), server.environment()], [true, { CASSANDRA: address, CASSANDRA_PID: pid }]);

    await shell('kill -s KILL "$0"; while kill -0 "$0"; do sleep 0.05; done', [pid]);
    assertStringIncludes(await server.obituary() ?? "", "system.log");
    await server.mend();
    assertEquals([await answers(address), await server.obituary()], [true, undefined]);
    assertEquals(server.environment().CASSANDRA, address);
    assert(server.environment().CASSANDRA_PID !== pid);
  });
});

Deno.test({
  name: "pauseCassandra freezes the shared server until it is disposed",
  ignore: cassandraPid() === undefined,
  async fn() {
    {
      await using _paused = await pauseCassandra();
      assertEquals(await answers(cassandraAddress()), false);
    }
    assertEquals(await answers(cassandraAddress()), true);
  },
});

function answers(address: string): Promise<boolean> {
  const [host = "", port = ""] = address.split(":");
  return answersCql({ host, port: Number(port) }, PROBE_MS);
}
