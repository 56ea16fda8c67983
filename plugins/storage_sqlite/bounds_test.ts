import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import { appendNext, openReader, sampleEvent, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { openForWriting, requireSetting, requireVersion } from "./database.ts";
import { toRow } from "./event_rows.ts";
import { EVENTS_MIGRATIONS } from "./migrations.ts";
import { Tail } from "./tail.ts";
import { openTemporary, temporaryDirectory } from "./test_storage.ts";

describe("events.db", () => {
  it("is opened in WAL mode with every commit synced", async () => {
    await using directory = await temporaryDirectory();
    const db = openForWriting(`${directory.path}/events.db`, { synchronous: "full", migrations: EVENTS_MIGRATIONS });
    assertEquals({ ...db.prepare("pragma journal_mode").get() }, { journal_mode: "wal" });
    assertEquals({ ...db.prepare("pragma synchronous").get() }, { synchronous: 2 });
    db.close();
  });

  it("is refused where SQLite did not take a setting, or is too old", () => {
    const setting = { expected: 2, found: 1 };
    assertThrows(() => requireSetting("events.db", "synchronous", setting), StartError, "synchronous");
    for (const version of ["3.51.2", "3.9.9", "2.99.0"]) {
      assertThrows(() => requireVersion(version), StartError, "3.51.3");
    }
    for (const version of ["3.51.3", "3.52.0", "4.0.0"]) requireVersion(version);
  });

  it("is refused when a newer deploy changed it, or an applied migration was edited", async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/events.db`;
    const newer = [...EVENTS_MIGRATIONS, { name: "999_events", sql: "create table later (a)" }];
    openForWriting(path, { synchronous: "full", migrations: newer }).close();
    const reopen = (migrations: typeof newer) => () => openForWriting(path, { synchronous: "full", migrations });
    assertThrows(reopen([...EVENTS_MIGRATIONS]), StartError, "999_events");
    assertThrows(reopen([...EVENTS_MIGRATIONS, { name: "999_events", sql: "" }]), StartError, "edited");
    reopen(newer)().close();
  });

  it("applies a migration whole or not at all", async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/events.db`;
    const broken = [...EVENTS_MIGRATIONS, { name: "002_events", sql: "create table a (a); create nonsense" }];
    assertThrows(() => openForWriting(path, { synchronous: "full", migrations: broken }));
    const db = openForWriting(path, { synchronous: "full", migrations: EVENTS_MIGRATIONS });
    assertEquals(db.prepare("select name from sqlite_schema where name = 'a'").all(), []);
    db.close();
  });
});

describe("the tail of events", () => {
  const types = new Set(["Counted"]);
  const page = { maxEvents: 1_000, maxBytes: 1_000_000 };
  const row = (number: number, text = "") => toRow(streamOf("a"), number, sampleEvent({ data: { text } }));

  it("forgets the oldest beyond its number and its bytes, and says so to who asks for them", () => {
    const tail = new Tail(100, { events: 10, bytes: 20_000 });
    for (let number = 1; number <= 25; number++) tail.push(row(number));
    assertEquals(tail.head, 125);
    assertEquals(tail.page(114, types, page), undefined);
    assertEquals(
      tail.page(115, types, page)?.events.map((event) => event.sequenceNumber),
      [
        ...Array(10).keys(),
      ].map((at) => at + 16),
    );
    tail.push(row(26, "x".repeat(18_000)));
    assertLess(tail.bytes, 20_001);
    tail.push(row(27, "x".repeat(30_000)));
    assertEquals([tail.bytes, tail.page(126, types, page), tail.page(127, types, page)?.events], [0, undefined, []]);
  });
});

describe("a reader far behind", () => {
  it("gets pages bounded in bytes, from the file and from memory", async () => {
    for (const tail of [{ events: 2, bytes: 1_000 }, { events: 1_000, bytes: 100_000_000 }]) {
      await using storage = await openTemporary({ tail });
      const text = "x".repeat(500_000);
      for (let at = 0; at < 30; at++) {
        await appendNext(storage.store, streamOf(`s-${at}`), [sampleEvent({ data: { text } })]);
      }
      await appendNext(storage.store, streamOf("end"), sampleEvents(1));
      await using reader = openReader(storage.log);
      while (reader.seen.length < 31) {
        const { events } = await reader.next();
        assert(events.length <= 5, `expected at most 2 MB and one event, found ${events.length} of 0.5 MB`);
      }
    }
  });
});
