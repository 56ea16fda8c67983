import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openDriverSession } from "./driver_session.ts";
import { CqlError } from "./session.ts";
import { openTestSession, serverAddress, TEST_DC, uniqueName } from "./test_storage.ts";

describe("a session of the driver", () => {
  it("gives each kind of value back as it was bound", async () => {
    await using opened = await openTestSession();
    const { session } = opened;
    const scope = uniqueName();
    const owner = "00000000-0000-7000-8000-00000000000a";
    const marks = new Map([["a", 1n], ["b", -(2n ** 63n)]]);
    const insert = "INSERT INTO leases (scope, slice, owner, epoch, beat, low_water) VALUES (?, ?, ?, ?, ?, ?)";
    await session.execute({ cql: insert, values: [scope, 7, owner, 2n ** 63n - 1n, null, marks] });
    const select = "SELECT owner, epoch, beat, slice, low_water FROM leases WHERE scope = ? AND slice = ?";
    assertEquals(await session.execute({ cql: select, values: [scope, 7] }), [
      { owner, epoch: 2n ** 63n - 1n, beat: null, slice: 7, low_water: marks },
    ]);
    const blob = "SELECT blobAsText(?) AS text, textAsBlob('b\u0000') AS blob FROM system.local";
    const [row] = await session.execute({ cql: blob, values: [new TextEncoder().encode("a").subarray(0, 1)] });
    assertEquals([row?.["text"], [...row?.["blob"] as Uint8Array]], ["a", [98, 0]]);
  });

  it("takes hints from the statement, also for a value that is null", async () => {
    await using opened = await openTestSession();
    const cql = "UPDATE leases SET beat = ? WHERE scope = ? AND slice = ? IF owner = ? AND epoch = ?";
    const values = [uniqueName(), 1, null, 1n] as const;
    const [row] = await opened.session.execute({ cql, values: [null, ...values] });
    assertEquals(row?.["[applied]"], false);
    // What does not fit a column is a fault of the program, not of the database.
    await assertRejects(() => opened.session.execute({ cql, values: [1, ...values] }), TypeError);
  });

  it("gives all pages, and by execute the first", async () => {
    await using opened = await openTestSession();
    const { session } = opened;
    const scope = uniqueName();
    const insert =
      "INSERT INTO dead_letter_queue (subscription, slice, aggregate_type, aggregate_id) VALUES (?, 0, 't', ?)";
    for (let at = 0; at < 7; at += 1) await session.execute({ cql: insert, values: [scope, `${at}`] });
    const all = {
      cql: "SELECT aggregate_id FROM dead_letter_queue WHERE subscription = ? AND slice = 0",
      values: [scope],
    };
    assertEquals((await session.execute(all)).length, 7);
    assertEquals((await session.execute(all, { pageSize: 3 })).length, 3);
    const pages: number[] = [];
    for await (const page of session.pages(all, { pageSize: 3 })) pages.push(page.length);
    assertEquals(pages, [3, 3, 1]);
  });

  it("tells what was refused from what may have been done", async () => {
    await using opened = await openTestSession();
    const { session } = opened;
    for (const cql of ["SELECT nothing FROM leases", "SELEKT 1", "SELECT * FROM nowhere"]) {
      const error = await assertRejects(() => session.execute({ cql, values: [] }), CqlError, "refused a statement");
      assertEquals(error.kind, "refused");
    }
    // A rate limit of ScyllaDB's looks like this, too, and it may come when the write is done.
    const cql = "CREATE KEYSPACE other WITH replication = {'class': 'NoSuchStrategy'}";
    assertEquals((await assertRejects(() => session.define(cql), CqlError)).kind, "unknown");
    await session.close();
    const read = { cql: "SELECT * FROM leases", values: [] };
    assertEquals((await assertRejects(() => session.execute(read), CqlError)).kind, "unsent");
  });

  it("says who is not there, or not what was named", async () => {
    const connect = (contactPoint: string, homeDc: string, keyspace = "system") =>
      openDriverSession({ contactPoints: [contactPoint], homeDc, keyspace });
    const error = await assertRejects(() => connect("127.0.0.1:1", TEST_DC), CqlError, "at 127.0.0.1:1: connect ECONN");
    assertEquals(error.kind, "unsent");
    const here = serverAddress();
    await assertRejects(() => connect(here, "elsewhere"), Error, 'the data centre "elsewhere": expected one of [');
    const missing = await assertRejects(() => connect(here, TEST_DC, "nowhere"), Error, 'the keyspace "nowhere"');
    assert(!(missing instanceof CqlError));
  });
});
