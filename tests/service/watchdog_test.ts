import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { moment } from "./program.ts";
import { assertStatus, launch, type Service, startService, temporaryDirectory, whenReady } from "./service.ts";
import { within } from "../contract/surroundings.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const LOOPS = { type: "Deposit", amount: 666 };
const LINE = /^annals: the main thread has not moved for 2 s: something loops without an end/m;

describe("the watchdog", () => {
  it("ends a process whose main thread loops, with one line that says so, and what was stored is there", async () => {
    await using directory = await temporaryDirectory();
    const modules = await writeLoopingAccount(directory.path);
    {
      await using service = await startService({
        ...{ directory: directory.path, modules, environment: { WATCHDOG_SECONDS: "2" } },
      });
      assertStatus(await service.post("/accounts/acc-1", OPEN), 201);
      const answer = service.post("/accounts/acc-1", LOOPS).catch(() => "no answer");
      const { signal, stderr } = await within(service.program.exited, 30_000, "the watchdog to end the service");
      assertEquals([signal, await answer], ["SIGKILL", "no answer"]);
      assertMatch(stderr, LINE);
    }
    await using service = await startService({ directory: directory.path, modules });
    assertEquals((await service.get("/accounts/acc-1")).body.version, 1);
  });

  it("does not bite a process that was suspended for longer than its patience", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({
      ...{ directory: directory.path, environment: { WATCHDOG_SECONDS: "2" } },
    });
    for (let round = 0; round < 2; round += 1) {
      service.program.kill("SIGSTOP");
      await moment(4_000);
      service.program.kill("SIGCONT");
      assertStatus(await service.get("/readyz"), 200);
    }
    assertEquals((await service.end("SIGTERM")).code, 0);
  });

  it("runs under deno task dev, too", async () => {
    await using directory = await temporaryDirectory();
    const modules = await writeLoopingAccount(directory.path);
    await using program = launch({ directory: directory.path, modules, task: "dev" });
    await using service = await whenReady(program);
    await assertWatched(service);
  });

  it("is off where it is told so", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path, environment: { WATCHDOG_SECONDS: "0" } });
    const { text } = await service.get("/health", { door: "operator" });
    assertEquals(text.includes("watchdog"), false);
  });
});

async function assertWatched(service: Service): Promise<void> {
  const { components } = (await service.get("/health", { door: "operator" })).body;
  assertEquals((components as Record<string, { status: string }>).watchdog_thread?.status, "healthy");
}

/** Accounts whose decider loops without an end on a deposit of 666. */
async function writeLoopingAccount(directory: string): Promise<string> {
  const modules = `${directory}/modules`;
  await Deno.mkdir(`${modules}/account`, { recursive: true });
  for await (const { name } of Deno.readDir("modules/account")) {
    if (name.endsWith("_test.ts")) continue;
    const source = await Deno.readTextFile(`modules/account/${name}`);
    const place = '      case "Deposit":\n';
    if (name === "decider.ts") assertStringIncludes(source, place);
    await Deno.writeTextFile(
      `${modules}/account/${name}`,
      source.replace(place, `${place}        while (command.amount === 666);\n`),
    );
  }
  return modules;
}
