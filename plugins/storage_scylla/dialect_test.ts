import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import {
  createKeyspaceStatement,
  findKind,
  nameOfKeyspace,
  parseReplication,
  SERVER_KINDS,
  type ServerKind,
  statementsFor,
} from "./dialect.ts";
import { BOOTSTRAP, MIGRATIONS } from "./migrations.ts";
import { CqlError, type CqlRow, type CqlSession } from "./session.ts";

const TTL_7_DAYS = [
  "default_time_to_live = 604800",
  "gc_grace_seconds = 86400",
  "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', " +
  "'compaction_window_size': 6}",
];
const TTL_90_DAYS = ["default_time_to_live = 7776000", "gc_grace_seconds = 86400"];
const EVENTS = "comment = 'The events. Conditional batches only'";
const CDC = "cdc = {'enabled': true, 'ttl': 604800}";
const BY_TIME = "tombstone_gc = {'mode': 'timeout'}";

/** The options of each table that has any. */
const OPTIONS: Readonly<Record<ServerKind, Readonly<Record<string, readonly string[]>>>> = {
  cassandra: {
    event_store: [EVENTS],
    outbox_messages: TTL_7_DAYS,
    aggregate_snapshots: TTL_90_DAYS,
  },
  scylla_tablets: {
    event_store: [EVENTS, CDC, "tablets = {'min_tablet_count': 4}"],
    outbox_messages: [...TTL_7_DAYS, BY_TIME],
    aggregate_snapshots: [...TTL_90_DAYS, BY_TIME],
  },
  scylla_vnodes: {
    event_store: [EVENTS, CDC],
    outbox_messages: [...TTL_7_DAYS, BY_TIME],
    aggregate_snapshots: [...TTL_90_DAYS, BY_TIME],
  },
};

const KEYSPACES: Readonly<Record<ServerKind, string>> = {
  cassandra: "",
  scylla_tablets: " AND tablets = {'enabled': true}",
  scylla_vnodes: " AND tablets = {'enabled': false}",
};

describe("the texts of statements", () => {
  for (const kind of SERVER_KINDS) {
    it(`give tables the options that ${kind} has`, () => {
      const statements = MIGRATIONS.flatMap(({ cql }) => statementsFor(kind, { cql, keyspace: "k" }));
      const created = statements.filter((statement) => !statement.startsWith("ALTER"));
      const found = created.map((statement) => {
        const [, table = "", options] =
          /^CREATE TABLE IF NOT EXISTS (\w+) \([^]*?\n\)(?: WITH ([^]*))?$/.exec(statement) ??
            [];
        return [table, options?.split(/\s+AND /)] as const;
      });
      const withOptions = found.filter(([, options]) => options !== undefined);
      assertEquals<unknown>(Object.fromEntries(withOptions), OPTIONS[kind]);
      assertEquals(found.map(([table]) => table), TABLES);
      assertEquals(statements.filter((statement) => !created.includes(statement)), ALTERED);
    });

    it(`make a keyspace as ${kind} does`, () => {
      const statement = createKeyspaceStatement(kind, "k", { one: 3, two: 2 });
      const replication = "{'class': 'NetworkTopologyStrategy', 'one': 3, 'two': 2}";
      assertEquals(
        statement,
        `CREATE KEYSPACE IF NOT EXISTS k WITH replication = ${replication}${KEYSPACES[kind]}`,
      );
    });
  }

  it("fix the ids of the first tables on Cassandra alone, to others in each keyspace", () => {
    const idsIn = (kind: ServerKind, keyspace: string) =>
      statementsFor(kind, { cql: BOOTSTRAP.cql, keyspace }).flatMap((each) => / id = (\S+)/.exec(each)?.[1] ?? []);
    assertEquals(idsIn("cassandra", "k"), [
      "59bc0c40-82e1-8d3e-876a-1f4fd418077b",
      "a3895fc7-e170-8d5e-8aff-d6d4cc617bbb",
    ]);
    assertEquals(idsIn("cassandra", "k").some((id) => idsIn("cassandra", "other").includes(id)), false);
    assertEquals([...idsIn("scylla_tablets", "k"), ...idsIn("scylla_vnodes", "k")], []);
  });
});

/** One column each: whoever is cut off between two goes on with the second. */
const ALTERED = [
  "ALTER TABLE dead_letter_queue ADD event_type text",
  "ALTER TABLE dead_letter_queue ADD given_up boolean",
  "ALTER TABLE dead_letter_queue ADD request bigint",
];

const TABLES = [
  "event_store",
  "outbox_messages",
  "aggregate_snapshots",
  "projection_offsets",
  "dead_letter_queue",
  "leases",
  "cluster_settings",
  "read_models",
];

describe("the kind of a server", () => {
  const cassandra = { "system_schema.tables": [{ table_name: "tables" }] };
  const scylla = (version: string, tablets?: number | null) => ({
    "system_schema.tables": [{ table_name: "tables" }, { table_name: "scylla_keyspaces" }],
    "system.versions": [{ version }],
    ...(tablets === undefined ? {} : { "system_schema.scylla_keyspaces": [{ initial_tablets: tablets }] }),
  });
  const kindOf = (tables: Readonly<Record<string, readonly CqlRow[]>>, exists: boolean) =>
    findKind(serverWith(tables), { keyspace: "k", exists });

  it("is Cassandra where there are none of ScyllaDB's tables", async () => {
    assertEquals(await kindOf(cassandra, false), "cassandra");
    assertEquals(await kindOf(cassandra, true), "cassandra");
  });

  it("is what a keyspace was made with, whatever the version", async () => {
    assertEquals(await kindOf(scylla("2026.1.8", 0), true), "scylla_tablets");
    assertEquals(await kindOf(scylla("2026.1.8", null), true), "scylla_vnodes");
    assertEquals(await kindOf(scylla("5.4.0"), true), "scylla_vnodes");
  });

  it("is tablets for a new keyspace as soon as these can do conditional writes", async () => {
    const versions = ["2025.4.0~rc1-0.20251001.abc", "2026.1.8", "2025.3.9", "6.2.0", "2024.2.1"];
    const kinds = await Promise.all(versions.map((version) => kindOf(scylla(version), false)));
    assertEquals(kinds, ["scylla_tablets", "scylla_tablets", "scylla_vnodes", "scylla_vnodes", "scylla_vnodes"]);
  });
});

describe("parseReplication and nameOfKeyspace", () => {
  it("read what an operator wrote, and say what they expected", () => {
    assertEquals(parseReplication("datacenter1:3"), { datacenter1: 3 });
    assertEquals(parseReplication("eu-west.1:3, us_2:12"), { "eu-west.1": 3, us_2: 12 });
    for (const text of ["", "3", "dc", "dc:0", "dc:3;", "d'c:1", "dc:3,,"]) {
      assertThrows(() => parseReplication(text), StartError, "expected data centres as in");
    }
    assertEquals(nameOfKeyspace("annals_2"), "annals_2");
    for (const text of ["", "Annals", "2a", "a;drop", "a".repeat(49)]) {
      assertThrows(() => nameOfKeyspace(text), StartError, "expected [a-z0-9_]");
    }
  });
});

/** Answers any question of a table with its rows. */
function serverWith(tables: Readonly<Record<string, readonly CqlRow[]>>): CqlSession {
  const unused = () => {
    throw new Error("expected nothing but reads");
  };
  return {
    execute({ cql }) {
      const rows = tables[/FROM (\S+)/.exec(cql)?.[1] ?? ""];
      return rows === undefined ? Promise.reject(new CqlError("refused", "no such table")) : Promise.resolve(rows);
    },
    batch: unused,
    pages: unused,
    define: unused,
    close: () => Promise.resolve(),
  };
}
