import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Exit, Program, run } from "./program.ts";
import {
  assertStatus,
  launch,
  type Service,
  startService,
  surroundings,
  temporaryDirectory,
  whenReady,
} from "./service.ts";
import { within } from "../contract/surroundings.ts";

const ACCOUNT = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };

describe("deno task reset", () => {
  it("refuses while a service is running", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    assertStatus(await service.post("/accounts/acc-001", ACCOUNT), 201);
    const { code, stdout } = await reset(directory.path, "--yes");
    assertEquals([code, stdout], [2, `A service is running on ${directory.path}/store: stop it first.\n`]);
    assertStatus(await service.get("/accounts/acc-001"), 200);
  });

  it("deletes nothing when nobody can be asked", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    const { code, stdout } = await reset(directory.path);
    assertEquals(code, 1);
    assertStringIncludes(stdout, `This deletes every event and read model in ${directory.path}/store: events.db`);
    assertStringIncludes(stdout, "Nothing was deleted.");
    await assertHolds(directory.path, 200);
  });

  it("asks on a terminal, and does as it is told", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    assertStringIncludes(await resetOnTerminal(directory.path, "n"), "Nothing was deleted.");
    await assertHolds(directory.path, 200);
    assertStringIncludes(await resetOnTerminal(directory.path, "y"), `${directory.path}/store is empty.`);
    await assertHolds(directory.path, 404);
  });

  it("empties without asking for --yes", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    const { code, stdout } = await reset(directory.path, "--yes");
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, `${directory.path}/store is empty.`);
    await assertHolds(directory.path, 404);
    const again = await reset(`${directory.path}/nowhere`, "--yes");
    assertEquals([again.code, again.stdout], [0, `Nothing to do: ${directory.path}/nowhere/store does not exist.\n`]);
  });
});

describe("deno task dev", () => {
  it("prints a curl to paste, and restarts when a file changes", async () => {
    await using directory = await temporaryDirectory();
    const modules = `${directory.path}/modules`;
    await copyAccount(modules, (source) => source);
    await using program = launch({ directory: directory.path, modules, task: "dev" });
    {
      const service = await whenReady(program);
      await paste(service);
      service.close();
    }
    const printed = program.stdout.length;
    await copyAccount(modules, (source) => source.replace('path: "accounts"', 'path: "ledgers"'));
    const service = await whenReady(program, printed);
    assertEquals((await service.get("/ledgers/acc-001")).body.owner, "Alice");
    assertStatus(await service.get("/accounts/acc-001"), 404);
    service.close();
    program.kill("SIGINT");
    await within(program.exited, 15_000, "the watcher to end");
  });
});

/** What the service says to try, as somebody would paste it. */
async function paste({ program }: Service): Promise<void> {
  const [, script = ""] = /Try it:\n([^]*)/.exec(program.stdout) ?? [];
  const quiet = script.replaceAll("curl ", "curl --silent --show-error --max-time 20 ");
  const { code, stdout, stderr } = await run("sh", { args: ["-c", quiet], environment: surroundings() });
  assertEquals([code, stderr], [0, ""], script);
  assertStringIncludes(stdout, '"event_type":"AccountOpened"');
  assert(stdout.endsWith('{"id":"acc-001","owner":"Alice","balance":1000,"version":1}'), stdout);
}

async function copyAccount(modules: string, edit: (source: string) => string): Promise<void> {
  await Deno.mkdir(`${modules}/account`, { recursive: true });
  for await (const { name } of Deno.readDir("modules/account")) {
    if (name.endsWith("_test.ts")) continue;
    const source = edit(await Deno.readTextFile(`modules/account/${name}`));
    if (source === await readIfThere(`${modules}/account/${name}`)) continue;
    await Deno.writeTextFile(`${modules}/account/${name}`, source);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function fill(directory: string): Promise<void> {
  await using service = await startService({ directory });
  assertStatus(await service.post("/accounts/acc-001", ACCOUNT), 201);
  assertEquals((await service.end("SIGTERM")).code, 0);
}

async function assertHolds(directory: string, status: number): Promise<void> {
  await using service = await startService({ directory });
  assertStatus(await service.get("/accounts/acc-001"), status);
  assertEquals((await service.end("SIGTERM")).code, 0);
}

function reset(directory: string, ...flags: readonly string[]): Promise<Exit> {
  return run("deno", { args: ["task", "reset", ...flags], environment: resetting(directory) });
}

/** By `script`, which gives the task a terminal of its own. */
async function resetOnTerminal(directory: string, answer: string): Promise<string> {
  const args = ["-c", "script --quiet --return --command 'deno task reset' /dev/null"];
  await using program = new Program("sh", { args, environment: resetting(directory), stdin: "piped" });
  await program.whenPrinted(/Delete them\?/);
  await program.answer(answer);
  return (await within(program.exited, 20_000, "the task to end")).stdout;
}

function resetting(directory: string): Record<string, string> {
  return { ...surroundings(), DATA_DIR: `${directory}/store` };
}
