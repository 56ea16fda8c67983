import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { openStorage } from "../../plugins/storage_sqlite/storage.ts";
import { testOptions } from "../../plugins/storage_sqlite/test_storage.ts";
import { startService, temporaryDirectory } from "./service.ts";
import { stoppedInTheMiddle } from "./stopped_backup.ts";
import { runTask, startTask } from "./task.ts";
import { within } from "../contract/surroundings.ts";

/** Where nothing is asked: the brokers that a task must have been given before it looks at its store. */
const BROKERS = { REDPANDA_BROKERS: "127.0.0.1:1" };

describe("deno task publish", () => {
  it("says in one line what its arguments are not, and ends with 1", async () => {
    await using directory = await temporaryDirectory();
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [["--nonsense"], /Unknown option '--nonsense'/],
      [["--topic=order-events"], /expected --republish with /],
      [["--republish"], /expected --republish with /],
      [["--republish", "--topic=nothing"], /there is no topic nothing; expected one of .*order-events/],
      [["--republish", "--module=order", "--topic=nothing"], /there is no topic nothing/],
      [["--republish", "--module=nothing"], /there is no module nothing; expected one of .*order/],
      [
        ["--republish", "--module=account", "--topic=order-events"],
        /order-events is of the module order, not of account/,
      ],
      [["--republish", "--module=order", "--aggregate=account/a"], /account\/a is of the module account, not of order/],
      [["--republish", "--module=order", "--topic=order-events"], /expected brokers in REDPANDA_BROKERS/],
      [["--republish", "--from=soon"], /expected a time like .*, found "soon"/],
      [["--republish", "--from=2026-02-01", "--to=2026-01-01"], /expected --from= before --to=, found 2026-02-01T/],
      [["--republish", "--from=2026-02-01", "--to=2026-02-01T00:00Z"], /expected --from= before --to=/],
      [["--republish", "--from=2026-01-01", "--to=2026-02-01"], /expected brokers in REDPANDA_BROKERS/],
    ];
    for (const [args, reason] of refusals) {
      const { code, stdout, stderr } = await runTask("publish", { directory: directory.path, args });
      assertEquals([code, stdout, stderr.split("\n").length], [1, "", 2], stderr);
      assertMatch(stderr, /^annals: /);
      assertMatch(stderr, reason);
    }
  });

  it("says in one line that it cannot go on after what is no place, and ends with 1", async () => {
    await using directory = await temporaryDirectory();
    const args = ["--republish", "--module=order", "--after=junk"];
    const { code, stderr } = await runTask("publish", { directory: directory.path, args, environment: BROKERS });
    const told = stderr.split("\n").filter((line) => !line.startsWith('{"@timestamp"'));
    assertEquals([code, told.length], [1, 2], stderr);
    assertMatch(told[0] ?? "", /^annals: .*Cannot go on after "junk": .*; give --after= as a run before has told it$/);
  });

  it("says that nothing fits where it sent nothing", async () => {
    await using directory = await temporaryDirectory();
    const args = ["--republish", "--aggregate=order/nobody"];
    const { code, stdout } = await runTask("publish", { directory: directory.path, args, environment: BROKERS });
    assertEquals([code, stdout], [0, "Nothing that was published fits\n"]);
  });

  it("ends with 2 beside a service", async () => {
    await using directory = await temporaryDirectory();
    await using _service = await startService({ directory: directory.path });
    const args = ["--republish", "--module=order"];
    const { code, stderr } = await runTask("publish", { directory: directory.path, args, environment: BROKERS });
    assertEquals(code, 2);
    assertStringIncludes(stderr, "another process uses it; stop the service first\n");
  });
});

describe("deno task migrate", () => {
  it("says in one line what it lacks, and ends with 1", async () => {
    await using directory = await temporaryDirectory();
    const refusals: readonly (readonly [readonly string[], Record<string, string>, RegExp])[] = [
      [[], {}, /expected host:port in SCYLLA_NODES, found none/],
      [[], { SCYLLA_NODES: "a b" }, /SCYLLA_NODES: expected nodes as in .*, found "a b"/],
      [["--print=nothing"], {}, /Cannot print for nothing: expected one of cassandra/],
      [["--nonsense"], {}, /Unknown option '--nonsense'/],
    ];
    for (const [args, environment, reason] of refusals) {
      const { code, stdout, stderr } = await runTask("migrate", { directory: directory.path, args, environment });
      assertEquals([code, stdout, stderr.split("\n").length], [1, "", 2], stderr);
      assertMatch(stderr, /^annals: /);
      assertMatch(stderr, reason);
    }
  });
});

describe("a task that is given no file or directory of its kind", () => {
  const unset = /^annals: Cannot .*DATA_DIR/;
  const aFile =
    /^annals: Cannot (read|empty|use the data directory) deno\.json: .*(name another|another one by|unset) DATA_DIR$/;
  const cases: Readonly<Record<string, readonly (readonly [readonly string[], string | undefined, RegExp])[]>> = {
    backup: [
      [[""], undefined, /expected deno task backup FILE$/],
      [["new"], "", unset],
      [["new"], "deno.json", aFile],
      [["/dev/full"], undefined, /name another DATA_DIR$/],
    ],
    restore: [
      [[""], undefined, /expected deno task restore FILE, and perhaps --force$/],
      [["deno.json"], "", unset],
      [["deno.json"], "deno.json", aFile],
      [["--force", "/dev/null"], undefined, /found no regular file; give a file that deno task backup has made$/],
      [["--force", "/dev/full"], undefined, /give a file that deno task backup has made$/],
    ],
    export: [
      [[""], undefined, /expected deno task export FILE$/],
      [["new"], "", unset],
      [["new"], "deno.json", aFile],
      [["/dev/full"], undefined, /Cannot export to \/dev\/full: .*; name another one$/],
    ],
    import: [
      [[""], undefined, /expected deno task import FILE$/],
      [["deno.json"], "", unset],
      [["deno.json"], "deno.json", aFile],
    ],
    reset: [
      [["--nonsense"], undefined, /Unknown option '--nonsense'/],
      [["--yes"], "", unset],
      [["--yes"], "deno.json", aFile],
    ],
  };
  for (const name of ["backup", "restore", "export", "import", "reset"] as const) {
    it(`says so in one line: deno task ${name}`, async () => {
      await using directory = await temporaryDirectory();
      for (const [args, given, reason] of cases[name] ?? []) {
        const environment = given === undefined ? {} : { DATA_DIR: given };
        const { code, stdout, stderr } = await runTask(name, { directory: directory.path, args, environment });
        assertEquals([code, stdout], [1, ""], stderr);
        const told = stderr.split("\n").filter((line) => !line.startsWith('{"@timestamp"'));
        assertEquals(told.length, 2, stderr);
        assertMatch(told[0] ?? "", reason);
      }
    });
  }
});

describe("deno task backup", () => {
  it("says in one line that it was stopped, and leaves nothing behind", async () => {
    await using directory = await temporaryDirectory();
    await fillSlowToCopy(`${directory.path}/store`);
    await using task = await stoppedInTheMiddle(directory.path);
    task.kill("SIGTERM");
    task.kill("SIGCONT");
    const { code, stderr } = await within(task.exited, 20_000, "the task to end");
    assertEquals([code, stderr], [1, "annals: Stopped before the end\n"]);
    assertEquals((await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name), ["store"]);
  });
});

/** A store whose copy is under way for so long that it can be stopped in the middle. */
async function fillSlowToCopy(store: string): Promise<void> {
  await (await openStorage(store, testOptions())).close();
  using db = new DatabaseSync(`${store}/events.db`);
  db.exec(`create table ballast (content blob); insert into ballast values (zeroblob(${64 * 1024 * 1024}))`);
}

describe("a task that is stopped while it waits for its database", () => {
  for (const name of ["publish", "export", "import"] as const) {
    it(`says so in one line: deno task ${name}`, async () => {
      await using directory = await temporaryDirectory();
      const file = `${directory.path}/events.jsonl`;
      if (name === "import") await Deno.writeTextFile(file, "");
      const args = name === "publish" ? ["--republish", "--module=order"] : [file];
      const environment = { ...BROKERS, SCYLLA_NODES: "127.0.0.1:1" };
      await using task = startTask(name, { directory: directory.path, args, environment });
      await task.whenPrinted(/The database does not answer/);
      task.kill("SIGINT");
      const { code, stderr } = await within(task.exited, 10_000, "the task to end");
      const told = stderr.split("\n").filter((line) => !line.startsWith('{"@timestamp"'));
      assertEquals([code, told.length], [1, 2], stderr);
      assertMatch(told[0] ?? "", /^annals: Stopped before the end/);
    });
  }
});
