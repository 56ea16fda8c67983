import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import deno from "../../deno.json" with { type: "json" };
import { printedSeed } from "./chance.ts";
import { type Entry, type Envelope, Journal, readHistories } from "./journal.ts";
import { type Exit, run } from "./program.ts";
import { assertAllTrue } from "./replay.ts";
import { assertStatus, seeing, startService, surroundings, temporaryDirectory } from "./service.ts";
import { Writers } from "./writers.ts";

const ACCOUNT = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const ENTRIES_BEFORE = 600;
const ENTRIES_AFTER = 200;

describe("deno task backup and deno task restore", () => {
  it("bring back a prefix of the journal with all that was acknowledged before, made under eight writers", async () => {
    await using directory = await temporaryDirectory();
    const journal = new Journal();
    const acknowledged = await backUpUnderLoad(directory.path, journal);
    const restored = await task("restore", {
      directory: `${directory.path}/restored`,
      args: [`${directory.path}/copy`],
    });
    assertEquals([restored.code, restored.stderr], [0, ""]);
    assertIsPrefix(`${directory.path}/restored`, directory.path);
    await using service = await startService({ directory: `${directory.path}/restored` });
    const histories = await readHistories(service, journal.paths());
    const known = new Set([...histories.values()].flat().map(({ correlation_id }) => correlation_id));
    for (const entry of acknowledged) assert(known.has(entry.correlationId), `lost: ${JSON.stringify(entry)}`);
    await assertAllTrue(service, knownOf(journal, histories));
  });

  it("leave no view and no snapshot of a future that is gone", async () => {
    await using directory = await temporaryDirectory();
    await write(directory.path, 130);
    const copy = `${directory.path}/copy`;
    assertEquals((await task("backup", { directory: directory.path, args: [copy] })).code, 0);
    await write(directory.path, 120);
    const refused = await task("restore", { directory: directory.path, args: [copy] });
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assertStringIncludes(
      refused.stderr,
      `annals: Cannot restore into ${directory.path}/store: expected no data, found`,
    );
    const { code, stdout } = await task("restore", { directory: directory.path, args: ["--force", copy] });
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
    assertEquals((await task("backup", { directory: directory.path, args: [copy] })).code, 0);
    const { code, stderr } = await task("restore", { directory: directory.path, args: ["--force", copy] });
    assertEquals(code, 2);
    assertStringIncludes(stderr, "another process uses it; stop that one");
    assertStatus(await service.get("/accounts/acc-001"), 200);
  });

  it("leave nothing behind on a disk without room, and say so", async () => {
    await using directory = await temporaryDirectory();
    await write(directory.path, 10);
    const limit = { directory: directory.path, prelude: "trap '' XFSZ; prlimit --pid $$ --fsize=20000:20000" };
    const backup = await task("backup", { ...limit, args: [`${directory.path}/copy`] });
    assertEquals(backup.code, 1);
    assertStringIncludes(backup.stderr, `annals: Cannot back up to ${directory.path}/copy: `);
    assertStringIncludes(backup.stderr, "see that the disk has room");
    assertEquals((await task("backup", { directory: directory.path, args: [`${directory.path}/copy`] })).code, 0);
    const args = ["--force", `${directory.path}/copy`];
    const restore = await task("restore", { ...limit, args });
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
      const { code, stdout, stderr } = await task("backup", { directory: directory.path, args });
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, args.length === 2 && args[0] === "--fast" ? "'--fast'" : "deno task backup FILE");
    }
  });
});

/** Of the journal those whose acknowledgement had come before the backup began. */
async function backUpUnderLoad(directory: string, journal: Journal): Promise<readonly Entry[]> {
  const seed = printedSeed("backup_test");
  await using service = await startService({ directory });
  let until = Infinity;
  const writers = new Writers(journal, { seed, count: 8 });
  await writers.write(service, () => journal.entries.length >= ENTRIES_BEFORE);
  const writing = writers.write(service, () => journal.entries.length >= until);
  const acknowledged = journal.entries.filter(({ outcome }) => outcome.is === "acknowledged");
  const { code, stdout, stderr } = await task("backup", { directory, args: [`${directory}/copy`] });
  until = journal.entries.length + ENTRIES_AFTER;
  await writing;
  assertEquals([code, stderr], [0, ""]);
  const [, events = ""] = /copy has (\d+) events of \d+ aggregates, the last of 20/.exec(stdout) ?? [];
  const stored = journal.count("acknowledged");
  assert(acknowledged.length <= Number(events), stdout);
  assert(Number(events) < stored, `expected writes after the backup, found ${events} of ${stored} events in it`);
  await journal.retryUnknown(service);
  assertEquals((await service.end("SIGTERM")).code, 0);
  return acknowledged;
}

/** Row by row, in the order of commits. */
function assertIsPrefix(restored: string, original: string): void {
  using part = new DatabaseSync(`${restored}/store/events.db`, { readOnly: true });
  const rows = part.prepare("select * from events order by position").all();
  using whole = new DatabaseSync(`${original}/store/events.db`, { readOnly: true });
  const first = whole.prepare("select * from events where position <= ? order by position").all(rows.length);
  assertEquals(rows.map((row) => ({ ...row })), first.map((row) => ({ ...row })));
}

/** The journal as it would be had nobody asked for what came later. */
function knownOf(journal: Journal, histories: ReadonlyMap<string, readonly Envelope[]>): Journal {
  const ids = new Set([...histories.values()].flat().map(({ event_id }) => event_id));
  const known = new Journal();
  for (const { outcome, ...entry } of journal.entries) {
    if (outcome.is === "acknowledged" && outcome.events.some(({ event_id }) => !ids.has(event_id))) continue;
    known.intend(entry).outcome = outcome;
  }
  return known;
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

type Task = { readonly directory: string; readonly args: readonly string[]; readonly prelude?: string };

function task(name: "backup" | "restore", { directory, args, prelude = ":" }: Task): Promise<Exit> {
  const environment = { ...surroundings(), DATA_DIR: `${directory}/store` };
  // By its command, as `deno task` gives it all signals anew, and a full disk would kill it.
  const script = `${prelude}; exec ${deno.tasks[name].command} "$@"`;
  return run("sh", { args: ["-c", script, "sh", ...args], environment });
}
