import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../../core/ports/plugin.ts";
import type { Telemetry } from "../../../core/ports/telemetry.ts";
import { logLayoutOf } from "../../../plugins/storage_scylla/cdc/log_layout.ts";
import { databaseConfig, openDatabase } from "../../../plugins/storage_scylla/database.ts";
import { openStorage, type Storage } from "../../../plugins/storage_scylla/storage.ts";
import { keptLog, openBranch, realRuntime, within } from "../../contract/surroundings.ts";
import { serverAddress } from "../../../plugins/storage_scylla/test_storage.ts";
import { openReader } from "../../contract/change_source.ts";
import { appendNext, sampleEvents, streamOf } from "../../contract/samples.ts";
import { chanceOf } from "../../service/chance.ts";
import { freshKeyspace } from "../keyspace.ts";
import { makeLogTables, writtenLayout } from "./log_tables.ts";
import { LogWriter } from "./log_writer.ts";
import { loggedBy } from "./logged_session.ts";
import { until } from "../../contract/surroundings.ts";

describe("CHANGE_SOURCE", () => {
  it("by itself is what the server can do, and cdc is refused where it cannot", async () => {
    await using keyspace = await freshKeyspace("start");
    const { kind, changeLog, session } = await openWith(keyspace.name, {});
    await session.close();
    assertEquals(changeLog, logLayoutOf(kind, keyspace.name));
    const outbox = await openWith(keyspace.name, { CHANGE_SOURCE: "outbox" });
    await outbox.session.close();
    assertEquals(outbox.changeLog, undefined);
    if (kind !== "cassandra") return console.log("Skipped: a refusal, for this server has a log of changes");
    const refused = () => openWith(keyspace.name, { CHANGE_SOURCE: "cdc" });
    await assertRejects(refused, StartError, "Cannot use CHANGE_SOURCE=cdc: expected ScyllaDB, found Apache Cassandra");
    assertEquals(databaseConfig.safeParse({ SCYLLA_NODES: "a", CHANGE_SOURCE: "kafka" }).success, false);
  });

  it("shows in the health of the storage, and how quick it is in a metric", async () => {
    await using keyspace = await freshKeyspace("start");
    const rig = await openOne(keyspace.name, { logged: true });
    await using _one = { [Symbol.asyncDispose]: () => rig.storage.close() };
    await using reader = await openReader(rig.storage);
    await appendNext(rig.storage.store, streamOf("a"), sampleEvents(2));
    await within(reader.until(2), 60_000, "all to be told");
    await until(() => rig.observed.length > 0 && rig.storage.health().status === "pass");
    assertEquals(rig.declared, ["cdc_log_delay_seconds"]);
    assert(rig.observed.every((seconds) => seconds >= 0 && seconds < 10), String(rig.observed));
    const { detail } = rig.storage.health();
    assertEquals([detail?.["change_source"], typeof detail?.["streams"]], ["cdc", "number"]);
  });

  it("shows that only announcements are read", async () => {
    await using keyspace = await freshKeyspace("start");
    const rig = await openOne(keyspace.name, { logged: false });
    assertEquals(rig.storage.health(), { status: "pass", detail: { change_source: "outbox" } });
    await rig.storage.close();
  });
});

function openWith(keyspace: string, variables: Readonly<Record<string, string>>) {
  const config = databaseConfig.parse({ SCYLLA_NODES: serverAddress(), SCYLLA_KEYSPACE: keyspace, ...variables });
  return openDatabase(config, { runtime: realRuntime });
}

async function openOne(keyspace: string, { logged }: { readonly logged: boolean }) {
  const database = await openWith(keyspace, logged ? {} : { CHANGE_SOURCE: "outbox" });
  const declared: string[] = [];
  const observed: number[] = [];
  const telemetry: Telemetry = {
    counter: () => ({ at: () => ({ add: () => {} }) }),
    histogram({ name }) {
      declared.push(name);
      return { at: () => ({ observe: (seconds) => void observed.push(seconds) }) };
    },
    gauge: () => {},
  };
  const log = keptLog();
  const branch = openBranch({ runtime: realRuntime, log });
  const parts = { streams: true, runtime: realRuntime, log, branch, telemetry };
  const withLog = logged && database.changeLog === undefined ? await writing(database, keyspace) : database;
  const storage: Storage = await openStorage({ ...withLog, ...parts });
  return { storage, declared, observed };
}

async function writing(database: Awaited<ReturnType<typeof openWith>>, keyspace: string) {
  const { session } = database;
  await makeLogTables(session, keyspace);
  const changeLog = writtenLayout(keyspace, "tablets");
  const writer = new LogWriter({ session, layout: changeLog, chance: chanceOf(1) });
  await writer.beginSet(4);
  return { ...database, changeLog, session: loggedBy(writer, session) };
}
