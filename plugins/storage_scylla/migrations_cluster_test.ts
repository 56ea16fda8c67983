import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import { databaseConfig, openDatabase } from "./database.ts";
import { openDriverSession } from "./driver_session.ts";
import { BOOTSTRAP, createTableOf, migrate, type Migration, MIGRATIONS } from "./migrations.ts";
import { LAYOUT } from "./partitions.ts";
import { withSchemaLease } from "./schema_lease.ts";
import type { CqlSession } from "./session.ts";
import { realRuntime } from "../../tests/contract/surroundings.ts";
import { dropKeyspace, openTestSession, serverAddress, TEST_DC, uniqueName } from "./test_storage.ts";

const EXTRA: Migration = { name: "003_extra", cql: "CREATE TABLE IF NOT EXISTS extra (id int PRIMARY KEY);\n" };
const runtime = realRuntime;
const CREATED = [BOOTSTRAP, ...MIGRATIONS].flatMap(({ cql }) => cql.match(/CREATE TABLE/g) ?? []).length;

/** As a copy of the service starts. */
async function start(keyspace: string, more: { slices?: number; homeDc?: string; bucketEvents?: number } = {}) {
  const { homeDc = TEST_DC, ...layout } = more;
  const config = databaseConfig.parse({
    SCYLLA_NODES: serverAddress(),
    SCYLLA_KEYSPACE: keyspace,
    SCYLLA_DC: homeDc,
  });
  return await openDatabase(config, { runtime, layout: { ...LAYOUT, ...layout } });
}

async function tablesIn(session: CqlSession, keyspace: string): Promise<readonly unknown[]> {
  const cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
  return (await session.execute({ cql, values: [keyspace] })).map((row) => row["table_name"]);
}

describe("migrations on a server", () => {
  it("are applied once by three copies that start at once where nothing is", async () => {
    const keyspace = uniqueName("start");
    const started = await Promise.allSettled([start(keyspace), start(keyspace), start(keyspace)]);
    try {
      const copies = started.map((each) => each.status === "fulfilled" ? each.value : String(each.reason));
      const sessions = copies.flatMap((copy) => typeof copy === "string" ? [] : [copy.session]);
      assertEquals(copies.filter((copy) => typeof copy === "string"), []);
      for (const session of sessions) {
        const tables = await tablesIn(session, keyspace);
        assertEquals(tables.length, CREATED);
        const settings = await session.execute({ cql: "SELECT name, value FROM cluster_settings", values: [] });
        assertEquals(Object.fromEntries(settings.map(({ name, value }) => [name, value])), {
          home_dc: TEST_DC,
          slices: "8",
          bucket_events: "50000",
        });
        await session.close();
      }
      assertEquals(sessions.length, 3);
    } finally {
      await dropKeyspace(keyspace);
    }
  });

  it("go on where others ended, and are refused once edited or unknown", async () => {
    await using opened = await openTestSession({ fresh: true });
    const { session, keyspace, kind } = opened;
    const apply = (migrations: readonly Migration[]) => migrate({ session, runtime, keyspace, kind, migrations });
    await apply([...MIGRATIONS, EXTRA]);
    await session.execute({ cql: "INSERT INTO extra (id) VALUES (1)", values: [] });
    await apply([...MIGRATIONS, EXTRA]);
    const edited = [...MIGRATIONS, { ...EXTRA, cql: `${EXTRA.cql}-- edited\n` }];
    await assertRejects(() => apply(edited), StartError, "003_extra was edited after it was applied; undo the edit");
    await assertRejects(() => apply(MIGRATIONS), StartError, "newer migration 003_extra; start a newer deploy");
  });

  it("record only what was applied whole, and apply the rest again", async () => {
    await using opened = await openTestSession({ fresh: true });
    const { session, keyspace, kind } = opened;
    const broken = { name: "003_broken", cql: `${EXTRA.cql}CREATE TABLE IF NOT EXISTS broken (id nothing);\n` };
    const apply = (migration: Migration) =>
      migrate({ session, runtime, keyspace, kind, migrations: [...MIGRATIONS, migration] });
    await assertRejects(() => apply(broken), Error, "No PRIMARY KEY");
    await apply({ name: "003_broken", cql: broken.cql.replace("nothing", "int PRIMARY KEY") });
    assert((await tablesIn(session, keyspace)).includes("broken"));
  });

  it("go on behind a column that was added before somebody was cut off", async () => {
    await using opened = await openTestSession({ fresh: true });
    const { session, keyspace, kind } = opened;
    const apply = (migrations: readonly Migration[]) => migrate({ session, runtime, keyspace, kind, migrations });
    await apply([...MIGRATIONS, EXTRA]);
    await session.define("ALTER TABLE extra ADD first int");
    const more = "ALTER TABLE extra ADD first int;\nALTER TABLE extra ADD second int;\n";
    await apply([...MIGRATIONS, EXTRA, { name: "004_more", cql: more }]);
    await session.execute({ cql: "INSERT INTO extra (id, first, second) VALUES (1, 2, 3)", values: [] });
  });

  it("wait for each other", async () => {
    await using opened = await openTestSession({ fresh: true });
    let working = 0;
    const most: number[] = [];
    const work = () =>
      withSchemaLease({ session: opened.session, runtime }, async () => {
        working += 1;
        most.push(working);
        await runtime.sleep(50);
        working -= 1;
      });
    await Promise.all([work(), work(), work()]);
    assertEquals(most, [1, 1, 1]);
  });

  it("make one table of a read model that two copies ask for at once", async () => {
    await using opened = await openTestSession({ fresh: true });
    const { session, keyspace, kind } = opened;
    const other = await openDriverSession({ contactPoints: [serverAddress()], homeDc: TEST_DC, keyspace });
    try {
      const cql =
        "CREATE TABLE IF NOT EXISTS totals (id int PRIMARY KEY)\n  WITH comment = 'of Cassandra' -- cassandra\n;";
      await Promise.all(
        [session, other].map((each) => createTableOf({ session: each, runtime, keyspace, kind })("totals", cql)),
      );
      await Promise.all(
        [session, other].map((each, id) => each.execute({ cql: "INSERT INTO totals (id) VALUES (?)", values: [id] })),
      );
      assertEquals((await session.execute({ cql: "SELECT id FROM totals", values: [] })).length, 2);
    } finally {
      await other.close();
    }
  });
});

describe("the settings of a keyspace", () => {
  it("are those of its first copy, and refuse one with others", async () => {
    const keyspace = uniqueName("settings");
    try {
      await (await start(keyspace)).session.close();
      await (await start(keyspace)).session.close();
      await assertRejects(() => start(keyspace, { slices: 16 }), StartError, "expected slices to be 8");
      await assertRejects(() => start(keyspace, { bucketEvents: 10 }), StartError, "bucket_events to be 50000");
    } finally {
      await dropKeyspace(keyspace);
    }
  });

  it("name the home data centre, in which every copy must stand", async () => {
    await using opened = await openTestSession({ fresh: true });
    const { session, keyspace } = opened;
    const cql = "INSERT INTO cluster_settings (name, value) VALUES ('home_dc', 'elsewhere') IF NOT EXISTS";
    await session.execute({ cql, values: [] });
    await assertRejects(() => start(keyspace), StartError, "start this copy in elsewhere, or use another keyspace");
    await assertRejects(() => start(keyspace, { homeDc: "nowhere" }), StartError, "expected one of [datacenter1]");
  });
});
