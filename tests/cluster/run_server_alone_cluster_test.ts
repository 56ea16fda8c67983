import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  redpandaAt,
  scyllaAt,
  type Server,
  startOwnCassandra,
  startOwnKafka,
  startTogether,
} from "../../tasks/cluster/server.ts";
import { answersCql } from "./cassandra/cql_probe.ts";
import { answersKafka } from "./kafka/kafka_probe.ts";
import { shell } from "./servers/shell.ts";
import { cassandraAddress, cassandraPid, kafkaAddress, kafkaPid, pauseCassandra, pauseKafka } from "./server.ts";

/** Who answers nothing has not answered by then; who does may take longer on a busy machine. */
const PROBE_MS = 1_000;
const ANSWER_MS = 60_000;
const KINDS = [
  { variable: "CASSANDRA", start: startOwnCassandra, answers: answersCql, log: "system.log" },
  { variable: "KAFKA", start: startOwnKafka, answers: answersKafka, log: "server.log" },
];
const SHARED = [
  {
    name: "pauseCassandra",
    address: cassandraAddress,
    pid: cassandraPid(),
    pause: pauseCassandra,
    answers: answersCql,
  },
  { name: "pauseKafka", address: kafkaAddress, pid: kafkaPid(), pause: pauseKafka, answers: answersKafka },
];

describe("a server of a run", () => {
  for (const { variable, start, answers, log } of KINDS) {
    it(`is mended for the next file, frozen or dead, as ${variable}`, async () => {
      await using server = await start();
      const { [variable]: address = "", [`${variable}_PID`]: pid = "" } = server.environment();
      const replies = (withinMs: number) => answers(placeOf(address), withinMs);
      await shell('kill -s STOP "$0"', [pid]);
      assertEquals([await replies(PROBE_MS), await server.obituary()], [false, undefined]);
      await server.mend();
      assertEquals([await replies(ANSWER_MS), pidIn(server, variable)], [true, pid]);

      await shell('kill -s KILL "$0"; while kill -0 "$0"; do sleep 0.05; done', [pid]);
      assertStringIncludes(await server.obituary() ?? "", log);
      await server.mend();
      assertEquals([await replies(ANSWER_MS), await server.obituary()], [true, undefined]);
      assertEquals(server.environment()[variable], address);
      assert(pidIn(server, variable) !== pid);
    });
  }

  it("is not left behind when another one does not start", async () => {
    let pid = "";
    const start = async () => {
      const server = await startOwnKafka();
      pid = pidIn(server, "KAFKA");
      return server;
    };
    const refuse = async (): Promise<Server> => await Promise.reject(new Error("no"));
    await assertRejects(() => startTogether([refuse, start, refuse]), Error, "no\nno");
    assertEquals((await shell('kill -0 "$0"', [pid])).code, 1);
  });
});

Deno.test("servers that are given are told of together, without a process to disturb", async () => {
  const place = { host: "10.0.0.1", port: 9042 };
  await using both = await startTogether([async () => scyllaAt(place), async () => redpandaAt(place)]);
  const { name, hosts } = both;
  assertEquals({ name, hosts, environment: both.environment() }, {
    name: "ScyllaDB at 10.0.0.1:9042 and Redpanda at 10.0.0.1:9042",
    hosts: undefined,
    environment: { CASSANDRA: "10.0.0.1:9042", KAFKA: "10.0.0.1:9042" },
  });
  await using one = await startTogether([async () => scyllaAt(place)]);
  assertEquals(one.hosts, ["10.0.0.1"]);
});

for (const { name, address, pid, pause, answers } of SHARED) {
  Deno.test({
    name: `${name} freezes the shared server until it is disposed`,
    ignore: pid === undefined,
    async fn() {
      {
        await using _paused = await pause();
        assertEquals(await answers(placeOf(address()), PROBE_MS), false);
      }
      assertEquals(await answers(placeOf(address()), ANSWER_MS), true);
    },
  });
}

function pidIn(server: Server, variable: string): string {
  return server.environment()[`${variable}_PID`] ?? "";
}

function placeOf(address: string): { host: string; port: number } {
  const [host = "", port = ""] = address.split(":");
  return { host, port: Number(port) };
}
