import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client } from "cassandra-driver";
import { temporaryDirectory } from "../../service/service.ts";
import { describeForeground, whenEnded } from "../servers/foreground_suite.ts";
import type { JavaServer } from "../servers/java_server.ts";
import { type CassandraOptions, startCassandra } from "./cassandra.ts";
import { answersCql } from "./cql_probe.ts";

const PROBE_MS = 1_000;
const START_MS = 60_000;

describe("startCassandra", () => {
  it("answers nothing while paused, and answers again", async () => {
    await using cassandra = await startCassandra();
    cassandra.pause();
    assertEquals(await answersCql(cassandra, PROBE_MS), false);
    cassandra.resume();
    assertEquals(await answersCql(cassandra, START_MS), true);
  });

  for (const options of [{ paxos: "v1", commitlogSync: "group" }, { paxos: "v2" }] as const) {
    it(`on ${JSON.stringify(options)} has after a kill what it acknowledged`, async () => {
      await using cassandra = await startCassandra(options);
      await write(cassandra);
      await cassandra.kill();
      assertEquals([cassandra.isRunning, await answersCql(cassandra, PROBE_MS)], [false, false]);
      await cassandra.restart();
      assertEquals(await readSettings(cassandra), { row: 1, ...expected(options) });
    });
  }

  it("removes its directory when disposed, and keeps one that it was given", async () => {
    await using directory = await temporaryDirectory();
    let pid: number;
    {
      await using cassandra = await startCassandra({ directory: directory.path });
      pid = cassandra.pid;
      await write(cassandra);
      const again = startCassandra({ directory: directory.path });
      await assertRejects(() => again, Error, "found a server running there");
    }
    await whenEnded(pid);
    await using cassandra = await startCassandra({ directory: directory.path });
    assertEquals((await readSettings(cassandra)).row, 1);
  });

  it("says what the server logged when that ends before it is ready", async () => {
    const starting = startCassandra({ heap: "8m" });
    const error = await assertRejects(() => starting, Error, "expected Cassandra to start, found that it ended:");
    assertStringIncludes(error.message, "heap");
  });
});

describeForeground("cassandra", startCassandra);

async function write(cassandra: JavaServer): Promise<void> {
  await withClient(cassandra, async (client) => {
    await client.execute(`CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
    await client.execute("CREATE TABLE k.t (id int PRIMARY KEY)");
    assert((await client.execute("INSERT INTO k.t (id) VALUES (1) IF NOT EXISTS")).wasApplied());
  });
}

function expected({ paxos = "v2", commitlogSync = "batch" }: CassandraOptions) {
  return { paxos_variant: paxos, commitlog_sync: commitlogSync };
}

async function readSettings(cassandra: JavaServer): Promise<Record<string, unknown>> {
  return await withClient(cassandra, async (client) => {
    const { rows } = await client.execute("SELECT name, value FROM system_views.settings");
    const named = rows.filter((row) => ["paxos_variant", "commitlog_sync"].includes(row.name));
    const [row] = (await client.execute("SELECT id FROM k.t")).rows;
    return { row: row?.id, ...Object.fromEntries(named.map(({ name, value }) => [name, value])) };
  });
}

async function withClient<T>({ address }: JavaServer, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ contactPoints: [address], localDataCenter: "datacenter1" });
  try {
    return await work(client);
  } finally {
    await client.shutdown();
  }
}
