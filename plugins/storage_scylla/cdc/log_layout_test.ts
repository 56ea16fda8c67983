import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../../core/ports/plugin.ts";
import { SERVER_KINDS } from "../dialect.ts";
import type { CqlSession } from "../session.ts";
import { chooseLog, type LogLayout, logLayoutOf, readLog, readSetTimes, readStreams } from "./log_layout.ts";

const STREAMS = [Uint8Array.of(1), Uint8Array.of(2)];
const FROM_MS = Date.UTC(2026, 10, 21);

describe("the log's layout", () => {
  const statementsOf = (layout: LogLayout) => [
    readLog(layout, { streams: STREAMS, fromMs: FROM_MS }),
    readLog(layout, { streams: STREAMS, fromMs: FROM_MS, toMs: FROM_MS + 1 }),
    readSetTimes(layout, FROM_MS),
    readStreams(layout, FROM_MS),
  ];

  it("has words of ScyllaDB's only for ScyllaDB, and none at all for Cassandra", () => {
    assertEquals(logLayoutOf("cassandra", "k"), undefined);
    for (const kind of ["scylla_tablets", "scylla_vnodes"] as const) {
      const layout = logLayoutOf(kind, "k");
      if (layout === undefined) throw new Error("expected a layout");
      const bypassing = statementsOf(layout).map(({ cql }) => cql.endsWith(" BYPASS CACHE"));
      assertEquals(bypassing, [true, true, false, false], kind);
      const written = statementsOf({ ...layout, bypassesCache: false }).map(({ cql }) => cql);
      assertEquals(written.filter((cql) => cql.includes("BYPASS")), []);
    }
  });

  it("asks for some streams of the log from one moment on, or between two", () => {
    const layout = logLayoutOf("scylla_tablets", "k");
    if (layout === undefined) throw new Error("expected a layout");
    const [open, between] = statementsOf(layout);
    const where = `FROM event_store_scylla_cdc_log WHERE "cdc$stream_id" IN (?, ?) AND "cdc$time" >= minTimeuuid(?)`;
    assertEquals(open?.cql.slice(open.cql.indexOf("FROM")), `${where} BYPASS CACHE`);
    assertEquals(open?.values, [...STREAMS, new Date(FROM_MS)]);
    const range = `${where} AND "cdc$time" < minTimeuuid(?) BYPASS CACHE`;
    assertEquals(between?.cql.slice(between.cql.indexOf("FROM")), range);
    assertEquals(between?.values, [...STREAMS, new Date(FROM_MS), new Date(FROM_MS + 1)]);
  });

  it("asks for stream sets where tablets and where vnodes tell of them", () => {
    const texts = (["scylla_tablets", "scylla_vnodes"] as const).map((kind) => {
      const layout = logLayoutOf(kind, "k");
      return layout === undefined ? [] : statementsOf(layout).slice(2).map(({ cql, values }) => [cql, values]);
    });
    const moment = new Date(FROM_MS);
    assertEquals<unknown>(texts, [
      [
        [
          "SELECT timestamp AS at FROM system.cdc_timestamps WHERE keyspace_name = ? AND table_name = ? " +
          "AND timestamp > ? ORDER BY timestamp ASC",
          ["k", "event_store", moment],
        ],
        [
          "SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = ? AND table_name = ? AND timestamp = ? " +
          "AND stream_state = ?",
          ["k", "event_store", moment, 0],
        ],
      ],
      [
        [
          "SELECT time AS at FROM system_distributed.cdc_generation_timestamps WHERE key = ? AND time > ? " +
          "ORDER BY time ASC",
          ["timestamps", moment],
        ],
        ["SELECT streams FROM system_distributed.cdc_streams_descriptions_v2 WHERE time = ?", [moment]],
      ],
    ]);
  });
});

describe("CHANGE_SOURCE", () => {
  const sessionWith = (cdc: unknown): CqlSession => ({
    execute: () => Promise.resolve([{ cdc }]),
    batch: () => Promise.resolve([]),
    async *pages() {},
    define: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  const enabled = sessionWith(new Map([["enabled", "true"], ["ttl", "604800"]]));
  const choices = [["disabled", sessionWith(new Map([["enabled", "false"]]))], [
    "never set",
    sessionWith(null),
  ]] as const;

  it("is by itself the log where the server keeps one, and the outbox elsewhere", async () => {
    const chosen = SERVER_KINDS.map(async (kind) => (await chooseLog(enabled, { kind, keyspace: "k" }))?.sets);
    assertEquals(await Promise.all(chosen), [undefined, "tablets", "vnodes"]);
    for (const [, session] of choices) {
      assertEquals(await chooseLog(session, { kind: "scylla_tablets", keyspace: "k" }), undefined);
    }
  });

  it("is the outbox where that is asked for", async () => {
    for (const kind of SERVER_KINDS) {
      assertEquals(await chooseLog(enabled, { kind, keyspace: "k", wanted: "outbox" }), undefined);
    }
  });

  it("refuses to be the log where there is none, and says what to do", async () => {
    const wanted = { keyspace: "k", wanted: "cdc" } as const;
    assertEquals((await chooseLog(enabled, { kind: "scylla_tablets", ...wanted }))?.log, "event_store_scylla_cdc_log");
    const onCassandra = () => chooseLog(enabled, { kind: "cassandra", ...wanted });
    await assertRejects(onCassandra, StartError, "expected ScyllaDB, found Apache Cassandra");
    for (const [, session] of choices) {
      const off = () => chooseLog(session, { kind: "scylla_vnodes", ...wanted });
      await assertRejects(off, StartError, "found it disabled; ALTER TABLE k.event_store WITH cdc");
    }
  });
});
