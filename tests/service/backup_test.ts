import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { type Entry, Journal, readHistories } from "./journal.ts";
import { assertHasAll, journalOf, runUnderLoad } from "./under_load.ts";
import { assertAllTrue } from "./replay.ts";
import { assertStatus, seeing, type Service, startService, temporaryDirectory } from "./service.ts";
import { stoppedInTheMiddle } from "./stopped_backup.ts";
import { runTask, succeeds } from "./task.ts";
import { within } from "../contract/surroundings.ts";

const UUID = "6f1a3c55-4d0e-4a43-9d0a-2f0f0b8a1c11";
const LARGE_ORDERS = 150;
const ACCOUNT = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };

describe("deno task backup and deno task restore", () => {
  it("bring back a prefix of the journal with all that was acknowledged before, made under eight writers", async () => {
    await using directory = await temporaryDirectory();
    const journal = new Journal();
    const acknowledged = await backUpUnderLoad(directory.path, journal);
    const restored = await runTask("restore", {
      directory: `${directory.path}/restored`,
      args: [`${directory.path}/copy`],
    });
    assertEquals([restored.code, restored.stderr], [0, ""]);
    assertIsPrefix(`${directory.path}/restored`, directory.path);
    await using service = await startService({ directory: `${directory.path}/restored` });
    const histories = await readHistories(service, journal.paths());
    assertHasAll(histories, acknowledged);
    await assertAllTrue(service, journalOf(journal, histories));
  });

  it("make no writer wait: commands are acknowledged while the copy stands still in the middle", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    assertStatus(await service.post("/accounts/acc-001", ACCOUNT), 201);
    await writeLargeOrders(service);
    await using backup = await stoppedInTheMiddle(directory.path);
    for (let count = 1; count <= 20; count += 1) {
      assertStatus(await service.post("/accounts/acc-001", { type: "Deposit", amount: 1 }), 200);
    }
    backup.kill("SIGCONT");
    const { code, stdout, stderr } = await within(backup.exited, 60_000, "the backup to end");
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `has ${1 + LARGE_ORDERS} events of ${1 + LARGE_ORDERS} aggregates`);
  });

  it("leave no view and no snapshot of a future that is gone", async () => {
    await using directory = await temporaryDirectory();
    await write(directory.path, 130);
    const copy = `${directory.path}/copy`;
    await succeeds("backup", { directory: directory.path, args: [copy] });
    await write(directory.path, 120);
    const refused = await runTask("restore", { directory: directory.path, args: [copy] });
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assertStringIncludes(
      refused.stderr,
      `annals: Cannot restore into ${directory.path}/store: expected no data, found`,
    );
    const { code, stdout } = await runTask("restore", { directory: directory.path, args: ["--force", copy] });
    assertEquals(code, 0);
    assertStringIncludes(stdout, `What was there is in ${directory.path}/store/replaced-`);
    await using service = await startService({ directory: directory.path });
    const { body } = assertStatus(await service.get("/accounts/acc-001"), 200);
    assertEquals([body.version, body.balance], [131, 131]);
    const next = await service.post("/accounts/acc-001", { type: "Deposit", amount: 9 });
    const view = await service.get("/views/account_balances/acc-001", { headers: seeing(next) });
    assertEquals([view.body.version, view.body.balance], [132, 140]);
  });

  it("refuse to restore while a service runs", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    assertStatus(await service.post("/accounts/acc-001", ACCOUNT), 201);
    const copy = `${directory.path}/copy`;
    await succeeds("backup", { directory: directory.path, args: [copy] });
    const { code, stderr } = await runTask("restore", { directory: directory.path, args: ["--force", copy] });
    assertEquals(code, 2);
    assertStringIncludes(stderr, "another process uses it; stop the service first\n");
    assertStatus(await service.get("/accounts/acc-001"), 200);
  });

  it("leave nothing behind on a disk without room, and say so", async () => {
    await using directory = await temporaryDirectory();
    await write(directory.path, 10);
    const limit = { directory: directory.path, prelude: "trap '' XFSZ; prlimit --pid $$ --fsize=20000:20000" };
    const backup = await runTask("backup", { ...limit, args: [`${directory.path}/copy`] });
    assertEquals(backup.code, 1);
    assertStringIncludes(backup.stderr, `annals: Cannot back up to ${directory.path}/copy: `);
    assertStringIncludes(backup.stderr, "see that the disk has room");
    await succeeds("backup", { directory: directory.path, args: [`${directory.path}/copy`] });
    const args = ["--force", `${directory.path}/copy`];
    const restore = await runTask("restore", { ...limit, args });
    assertEquals(restore.code, 1);
    assertStringIncludes(restore.stderr, "has room for it, and try again; nothing was changed");
    const names = (await Array.fromAsync(Deno.readDir(`${directory.path}/store`))).map(({ name }) => name);
    assertEquals(names.filter((name) => /^re/.test(name)), []);
    assertEquals((await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name).sort(), [
      "copy",
      "store",
    ]);
  });

  it("say how they are called", async () => {
    await using directory = await temporaryDirectory();
    for (const args of [[], ["a", "b"], ["--fast", "a"]]) {
      const { code, stdout, stderr } = await runTask("backup", { directory: directory.path, args });
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, args.length === 2 && args[0] === "--fast" ? "'--fast'" : "deno task backup FILE");
    }
  });
});

async function backUpUnderLoad(directory: string, journal: Journal): Promise<readonly Entry[]> {
  const file = `${directory}/copy`;
  const { acknowledged, stdout } = await runUnderLoad("backup", { of: { directory }, journal, args: [file] });
  const [, events = ""] = /copy has (\d+) events of \d+ aggregates, the last of 20/.exec(stdout) ?? [];
  assert(acknowledged.length <= Number(events), stdout);
  return acknowledged;
}

/** Some 60 KB each: so many that copying them takes a while. */
async function writeLargeOrders(service: Service): Promise<void> {
  const items = Array.from({ length: 1_000 }, () => ({ product_id: UUID, quantity: 1 }));
  for (let count = 1; count <= LARGE_ORDERS; count += 1) {
    assertStatus(await service.post("/orders", { type: "CreateOrder", customer_id: UUID, items }), 201);
  }
}

/** Row by row, in the order of commits. */
function assertIsPrefix(restored: string, original: string): void {
  using part = new DatabaseSync(`${restored}/store/events.db`, { readOnly: true });
  const rows = part.prepare("select * from events order by position").all();
  using whole = new DatabaseSync(`${original}/store/events.db`, { readOnly: true });
  const first = whole.prepare("select * from events where position <= ? order by position").all(rows.length);
  assertEquals(rows.map((row) => ({ ...row })), first.map((row) => ({ ...row })));
}

/** One account, opened if need be, and so many deposits of 1. */
async function write(directory: string, deposits: number): Promise<void> {
  await using service = await startService({ directory });
  await service.post("/accounts/acc-001", ACCOUNT);
  for (let count = 1; count <= deposits; count += 1) {
    assertStatus(await service.post("/accounts/acc-001", { type: "Deposit", amount: 1 }), 200);
  }
  assertEquals((await service.end("SIGTERM")).code, 0);
}
