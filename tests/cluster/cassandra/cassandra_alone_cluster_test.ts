import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client } from "cassandra-driver";
import deno from "../../../deno.json" with { type: "json" };
import { Program, within } from "../../service/program.ts";
import { surroundings, temporaryDirectory } from "../../service/service.ts";
import { type Cassandra, type CassandraOptions, startCassandra } from "./cassandra.ts";
import { exists } from "./cache.ts";
import { answersCql } from "./cql_probe.ts";
import { freePorts } from "./ports.ts";
import { shell } from "./shell.ts";

const PROBE_MS = 1_000;
const START_MS = 60_000;
const END_MS = 10_000;

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

describe("deno task cassandra", () => {
  it("ends its server on SIGTERM and leaves nothing behind", async () => {
    await using started = await startTask();
    started.program.kill("SIGTERM");
    assertEquals((await within(started.program.exited, END_MS, "the task to end")).code, 0);
    assertEquals([await isAlive(started.pid), await exists(started.directory)], [false, false]);
  });

  it("has no server left when it is killed, and the next start removes what it left", async () => {
    await using started = await startTask();
    started.program.kill("SIGKILL");
    await started.program.exited;
    await whenEnded(started.pid);
    assertEquals(await exists(started.directory), true);
    await using _next = await startCassandra();
    assertEquals(await exists(started.directory), false);
  });

  it("ends its server when it is killed while that is paused", async () => {
    await using started = await startTask();
    await shell('kill -s STOP "$0"', [String(started.pid)]);
    started.program.kill("SIGKILL");
    await whenEnded(started.pid);
  });
});

/** The task without `deno task` around it, which would stay when its child is killed. */
async function startTask() {
  const [port = 0] = freePorts("127.0.0.1", 1);
  const [command = "", ...args] = deno.tasks.cassandra.command.split(" ");
  const program = new Program(command, { args: [...args, `--port=${port}`], environment: surroundings() });
  try {
    const [, pid = ""] = await program.whenPrinted(/CASSANDRA_PID=(\d+)/);
    const commandLine = await shell('cat "/proc/$0/cmdline"', [pid]);
    const [, directory = ""] = /-Dcassandra\.storagedir=([^\0]+)/.exec(commandLine.stdout) ?? [];
    assert(directory !== "", commandLine.stdout);
    return {
      program,
      pid: Number(pid),
      directory,
      async [Symbol.asyncDispose]() {
        await program[Symbol.asyncDispose]();
        if (await exists(directory)) await Deno.remove(directory, { recursive: true });
      },
    };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

async function whenEnded(pid: number): Promise<void> {
  const waiting = shell('while kill -0 "$0" 2>/dev/null; do sleep 0.05; done', [String(pid)]);
  await within(waiting, END_MS, `the server ${pid} to end`);
}

async function isAlive(pid: number): Promise<boolean> {
  return (await shell('kill -0 "$0"', [String(pid)])).code === 0;
}

async function write(cassandra: Cassandra): Promise<void> {
  await withClient(cassandra, async (client) => {
    await client.execute(`CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
    await client.execute("CREATE TABLE k.t (id int PRIMARY KEY)");
    assert((await client.execute("INSERT INTO k.t (id) VALUES (1) IF NOT EXISTS")).wasApplied());
  });
}

function expected({ paxos = "v2", commitlogSync = "batch" }: CassandraOptions) {
  return { paxos_variant: paxos, commitlog_sync: commitlogSync };
}

async function readSettings(cassandra: Cassandra): Promise<Record<string, unknown>> {
  return await withClient(cassandra, async (client) => {
    const { rows } = await client.execute("SELECT name, value FROM system_views.settings");
    const named = rows.filter((row) => ["paxos_variant", "commitlog_sync"].includes(row.name));
    const [row] = (await client.execute("SELECT id FROM k.t")).rows;
    return { row: row?.id, ...Object.fromEntries(named.map(({ name, value }) => [name, value])) };
  });
}

async function withClient<T>({ address }: Cassandra, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ contactPoints: [address], localDataCenter: "datacenter1" });
  try {
    return await work(client);
  } finally {
    await client.shutdown();
  }
}
