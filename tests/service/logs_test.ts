import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { assertStatus, seeing, type Service, startService, temporaryDirectory } from "./service.ts";

const COMMANDS = 1_000;
const AT_ONCE = 20;
const CORRELATION_ID = "0193b5a0-7c1e-7000-8000-000000000001";

describe("the log of a service", () => {
  it("has no line for a command or an event: a thousand of them add none", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const post = (at: number) =>
      service.post(`/accounts/a-${at}`, { type: "OpenAccount", owner: "Alice", initial_balance: 1 });
    assertStatus(await post(0), 201);
    const before = linesOf(service);
    assert(before.length > 0, "expected a line of the start");
    let last = await post(1);
    for (let at = 2; at < COMMANDS; at += AT_ONCE) {
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, each) => post(at + each)));
      last = answers.at(-1) ?? last;
    }
    assertStatus(await service.get("/views/account_balances/a-1", { headers: seeing(last) }), 200);
    assertEquals(linesOf(service), before);
    assertEquals((await service.end("SIGTERM")).code, 0);
    assertEquals(linesOf(service), before);
  });

  it("names the request that failed, and keeps to itself what its sender had typed", async () => {
    await using directory = await temporaryDirectory();
    const modules = `${directory.path}/modules`;
    await writeFaultyModule(modules);
    await using service = await startService({ directory: directory.path, modules });
    const command = { type: "Write", text: 'alice@example.com\n{"level":"INFO","message":"forged"}' };
    const answer = await service.post("/notes/a", command, { "x-correlation-id": CORRELATION_ID });
    assertStatus(answer, 500);
    const failures = () => linesOf(service).filter(({ level }) => level === "ERROR");
    await until(() => failures().length > 0);
    assertEquals(failures().map(({ message, correlation_id }) => [message, correlation_id]), [
      ["A request failed", CORRELATION_ID],
    ]);
    assertEquals(service.program.stderr.includes("alice@"), false);
    assertEquals(linesOf(service).filter(({ message }) => message === "forged"), []);
  });
});

type Line = { readonly level: string; readonly message: string; readonly correlation_id?: string };

/** Each of them a JSON object. */
function linesOf({ program }: Service): readonly Line[] {
  return program.stderr.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function writeFaultyModule(modules: string): Promise<void> {
  await Deno.mkdir(`${modules}/note`, { recursive: true });
  await Deno.writeTextFile(
    `${modules}/note/mod.ts`,
    `import { defineModule } from "annals";
    import { z } from "zod";
    const text = z.string();
    const events = { Written: z.strictObject({ text }) };
    export default defineModule({
      name: "note", path: "notes", id: "text", commands: { Write: z.strictObject({ text }) }, events, rejections: {},
      state: z.strictObject({ text }), creates: ["Write"],
      decider: {
        initialState: { text: "" },
        decide: ({ text }) => { throw new Error("cannot take " + text); },
        evolve: (_, { text }) => ({ text }),
      },
    });`,
  );
}
