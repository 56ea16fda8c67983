import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { printedSeed } from "./chance.ts";
import { type Entry, Journal, submit } from "./journal.ts";
import { run } from "./program.ts";
import { assertAllTrue } from "./replay.ts";
import {
  assertProblem,
  assertStatus,
  header,
  type Service,
  startService,
  surroundings,
  temporaryDirectory,
} from "./service.ts";
import { Writers } from "./writers.ts";
import { within } from "../contract/surroundings.ts";

/** Bytes that still go onto the disk when it is filled: nothing, a part of a frame, some frames. */
const ROOM_BYTES = [0, 2_000, 60_000];
const RECOVERY_MS = 15_000;

describe("a full disk", () => {
  it("refuses commands, goes on reading, stores nothing by halves, and recovers by itself", async () => {
    const seed = printedSeed("disk_test");
    await using directory = await temporaryDirectory();
    const journal = new Journal();
    const writers = new Writers(journal, { seed, count: 8 });
    {
      await using service = await startService({ directory: directory.path, prelude: "trap '' XFSZ" });
      assertStatus(await submit(service, journal.intend(opening())), 201);
      await writers.write(service, () => journal.entries.length >= 400);
      for (const roomBytes of ROOM_BYTES) await fillAndFree(service, { directory: directory.path, journal, roomBytes });
      await writers.write(service, () => journal.entries.length >= 2_000);
      await settle(service, journal);
      assertEquals((await service.end("SIGTERM")).code, 0);
    }
    await using again = await startService({ directory: directory.path });
    await settle(again, journal);
  });

  it("lets itself be stopped, and starts again once there is room", async () => {
    await using directory = await temporaryDirectory();
    {
      await using service = await startService({ directory: directory.path, prelude: "trap '' XFSZ" });
      assertStatus(await service.post("/accounts/acc-001", open("Alice")), 201);
      await limit(service, "0");
      assertProblem(await service.post("/accounts/acc-002", open("Bob")), 503, "unavailable");
      const { code, stderr } = await service.end("SIGTERM");
      assertEquals(code, 0, stderr);
    }
    await using again = await startService({ directory: directory.path });
    assertEquals((await again.get("/accounts/acc-001")).body.owner, "Alice");
    assertStatus(await again.get("/accounts/acc-002"), 404);
    assertStatus(await again.post("/accounts/acc-002", open("Bob")), 201);
  });
});

describe("a read-only disk", () => {
  it("is served for reading, and for writing once it is writable", async () => {
    const mounting = await run("sh", { args: ["-c", "unshare --mount true"], environment: surroundings() });
    if (mounting.code !== 0) return console.log(`disk_test: not run, as nothing can be mounted: ${mounting.stderr}`);
    await using directory = await temporaryDirectory();
    const store = `${directory.path}/store`;
    await writeLongStream(directory.path);
    const prelude = `mount --bind ${store} ${store} && mount -o remount,ro,bind ${store}`;
    await using service = await startService({ directory: directory.path, prelude, namespace: "mount" });
    assertProblem(await service.post("/accounts/acc-002", open("Bob")), 503, "unavailable");
    await assertWarns(service, "read-only");
    const read = assertStatus(await service.get("/accounts/acc-001"), 200);
    assertEquals([read.body.balance, read.body.version], [121, 121]);
    await shell(`nsenter --mount --target ${service.program.pid} mount -o remount,rw,bind "$PWD/${store}"`);
    const taken = async () => (await service.post("/accounts/acc-002", open("Bob"))).status === 201;
    const asking = async () => {
      while (!await taken());
    };
    await within(asking(), RECOVERY_MS, "the service to take commands");
    await whenWell(service);
    assertEquals((await service.end("SIGTERM")).code, 0);
  });
});

/** Past a snapshot's size, and without one: a read may not depend on being able to save it. */
async function writeLongStream(directory: string): Promise<void> {
  await using service = await startService({ directory });
  assertStatus(await service.post("/accounts/acc-001", open("Alice")), 201);
  for (let count = 1; count <= 120; count += 1) {
    assertStatus(await service.post("/accounts/acc-001", { type: "Deposit", amount: 1 }), 200);
  }
  assertEquals((await service.end("SIGTERM")).code, 0);
  // Closed last, it leaves the log's files in place, which a read-only disk could not make.
  using reader = new DatabaseSync(`${directory}/store/events.db`, { readOnly: true });
  assertEquals(reader.prepare("select count(*) as count from snapshots").get()?.count, 1);
  using db = new DatabaseSync(`${directory}/store/events.db`);
  assertEquals(db.prepare("delete from snapshots").run().changes, 1);
}

const open = (owner: string) => ({ type: "OpenAccount", owner, initial_balance: 1 });

/** The disk fills up, is full for a while, and is freed; the service notices both by itself. */
async function fillAndFree(
  service: Service,
  { directory, journal, roomBytes }: { directory: string; journal: Journal; roomBytes: number },
): Promise<void> {
  const { size } = await Deno.stat(`${directory}/store/events.db-wal`);
  await limit(service, `${size + roomBytes}`);
  await writeUntilRefused(service, journal);
  await limit(service, "0");
  const refused = await service.post("/accounts/shared-1", { type: "Deposit", amount: 1 });
  assertProblem(refused, 503, "unavailable");
  assertEquals(header(refused, "retry-after"), "1");
  assertEquals(refused.text.includes("events.db"), false, "no inner text");
  assertProblem(await service.post("/orders", newOrder), 503, "unavailable");
  for (const path of ["/accounts/shared-1", "/accounts/shared-1/events", "/views/account_balances/shared-1"]) {
    assertStatus(await service.get(path), 200);
  }
  await assertWarns(service, "events.db");
  await limit(service, "unlimited");
  await whenWritable(service, journal);
  await whenWell(service);
}

const uuid = "0193b5a0-7c1e-7000-8000-000000000002";
const newOrder = { type: "CreateOrder", customer_id: uuid, items: [{ product_id: uuid, quantity: 1 }] };

/** Sixteen at a time, so that a group is cut in two where the room ends. */
async function writeUntilRefused(service: Service, journal: Journal): Promise<void> {
  for (let round = 1; round <= 500; round += 1) {
    const entries = Array.from({ length: 16 }, () => journal.intend(deposit()));
    await Promise.all(entries.map((entry) => submit(service, entry)));
    if (entries.some((entry) => entry.outcome.is === "refused")) return;
  }
  throw new Error("expected commands to be refused on a full disk, found all of them acknowledged");
}

function opening(): Omit<Entry, "outcome"> {
  return { ...deposit(), command: { type: "OpenAccount", owner: "Alice", initial_balance: 1 } };
}

function deposit(): Omit<Entry, "outcome"> {
  return {
    path: "/accounts/shared-1",
    command: { type: "Deposit", amount: 0.01 },
    key: crypto.randomUUID(),
    correlationId: crypto.randomUUID(),
  };
}

/** Sends one more command until it is taken. */
async function whenWritable(service: Service, journal: Journal): Promise<void> {
  const entry = journal.intend(deposit());
  const taking = async () => {
    while (entry.outcome.is !== "acknowledged") await submit(service, entry);
  };
  await within(taking(), RECOVERY_MS, "the service to take commands again");
}

async function whenWell(service: Service): Promise<void> {
  let shown = "";
  const asking = async () => {
    for (;;) {
      const { body, text } = await service.get("/readyz", { door: "operator" });
      if (body.status === "pass") return;
      shown = text;
    }
  };
  await within(asking(), RECOVERY_MS, "the service to be well again").catch((error) => {
    throw new Error(`${error.message}: ${shown}`);
  });
}

/** Reads go on, so it is ready, with a warning; why, only the operator is told. */
async function assertWarns(service: Service, reason: string): Promise<void> {
  const shown = assertStatus(await service.get("/readyz"), 200);
  assertEquals(shown.body.status, "warn");
  assert(!shown.text.includes(reason), "no reasons on the public door");
  const told = await service.get("/readyz", { door: "operator" });
  assertEquals(told.body.status, "warn");
  assertStringIncludes(told.text, reason);
}

async function settle(service: Service, journal: Journal): Promise<void> {
  await journal.retryUnknown(service);
  await assertAllTrue(service, journal);
}

async function limit({ program: { pid } }: Service, bytes: string): Promise<void> {
  await shell(`prlimit --pid ${pid} --fsize=${bytes}:unlimited`);
}

async function shell(script: string): Promise<void> {
  const { code, stderr } = await run("sh", { args: ["-c", script], environment: surroundings() });
  assertEquals([code, stderr], [0, ""], script);
}
