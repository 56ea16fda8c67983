import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until, within } from "../contract/surroundings.ts";
import { chanceOf, printedSeed } from "./chance.ts";
import { Journal, readHistories } from "./journal.ts";
import { moment, timed } from "./program.ts";
import { assertStatus, launch, type Service, startService, temporaryDirectory } from "./service.ts";
import { stopWhileWriting } from "./stopping.ts";
import { Writers } from "./writers.ts";

/** Every other time the load goes on after the signal, for half of the time in which the doors stay open. */
const DRAIN_MS = 1_000;
const MOMENTS = Number(Deno.env.get("STOP_MOMENTS") ?? 10);

describe("SIGTERM under load", () => {
  it("ends with 0 in time, and what was stored was answered", async () => {
    const seed = printedSeed("stop_test");
    const chance = chanceOf(seed);
    await using directory = await temporaryDirectory();
    const journal = new Journal();
    const writers = new Writers(journal, { seed, count: 8 });
    for (let at = 1; at <= MOMENTS; at += 1) {
      const drainMs = at % 2 === 0 ? DRAIN_MS : 0;
      const environment = { DRAIN_MS: String(drainMs) };
      await using service = await startService({ directory: directory.path, environment });
      await stopWhileWriting(service, { writers, ms: chance.between(50, 400), onMs: drainMs / 2 });
    }
    await using service = await startService({ directory: directory.path });
    // A command without an answer was not taken: so none of those may have had an effect.
    for (const entry of journal.entries) if (entry.outcome.is === "unknown") entry.outcome = { is: "refused" };
    journal.check(await readHistories(service, journal.paths()));
    assert(journal.count("acknowledged") > 10 * MOMENTS, "expected some load");
  });
});

describe("SIGTERM", () => {
  it("does not wait for an idle connection", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    using connection = await connect(service);
    await send(connection, "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n");
    await connection.read(new Uint8Array(4096));
    assertEquals((await timed(service.end("SIGTERM"))).code, 0);
  });

  it("answers 408 to a body that never ends, in time", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    using connection = await connect(service);
    await beginCommand(connection);
    assertEquals((await timed(service.end("SIGTERM"))).code, 0);
    const answer = await new Response(connection.readable).text();
    assert(answer.startsWith("HTTP/1.1 408 "), answer);
    await using again = await startService({ directory: directory.path });
    assertStatus(await again.get("/accounts/acc-001"), 404);
  });

  it("takes the service out of the load balancer first, which still finds it serving", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path, environment: { DRAIN_MS: "5000" } });
    assertStatus(await service.get("/readyz"), 200);
    const exiting = service.end("SIGTERM");
    await until(async () => (await service.get("/readyz")).status === 503);
    assertStatus(await service.get("/readyz", { door: "operator" }), 503);
    assertStatus(await service.post("/accounts/acc-001", open), 201);
    assertEquals((await timed(exiting)).code, 0);
    await using again = await startService({ directory: directory.path });
    assertEquals((await again.get("/accounts/acc-001")).body.version, 1);
  });

  it("a second time ends at once, while it drains, too", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path, environment: { DRAIN_MS: "5000" } });
    service.program.kill("SIGTERM");
    await until(async () => (await service.get("/readyz")).status === 503);
    const exit = await within(service.end("SIGTERM"), 2_000, "the second signal to end it");
    assertEquals([exit.code, exit.signal], [1, null], exit.stderr);
  });

  it("a second time ends at once, while a write waits for another program's lock", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    using other = new DatabaseSync(`${directory.path}/store/events.db`);
    other.exec("begin immediate");
    using connection = await connect(service);
    const finishCommand = await beginCommand(connection);
    await finishCommand();
    assertStatus(await service.get("/livez"), 200);
    service.program.kill("SIGTERM");
    await until(() => isDoorShut(service));
    const exit = await within(service.end("SIGTERM"), 2_000, "the second signal to end it");
    assertEquals([exit.code, exit.signal], [1, null], exit.stderr);
  });

  it("during start leaves nothing behind, whatever the moment", async () => {
    const chance = chanceOf(printedSeed("stop_test, during start"));
    await using directory = await temporaryDirectory();
    for (let at = 1; at <= 5; at += 1) {
      await using program = launch({ directory: directory.path });
      await moment(chance.between(0, 700));
      program.kill("SIGTERM");
      const exit = await timed(program.exited);
      // Before Deno runs the first line, the signal itself ends it.
      assert(exit.code === 0 || exit.signal === "SIGTERM", `${exit.code} ${exit.stderr}`);
      assert(!exit.stderr.includes("    at "), exit.stderr);
    }
    await using service = await startService({ directory: directory.path });
    assertStatus(await service.post("/accounts/acc-001", open), 201);
  });

  it("ends a start that hangs in a module", async () => {
    await using directory = await temporaryDirectory();
    const modules = `${directory.path}/modules`;
    await Deno.mkdir(`${modules}/slow`, { recursive: true });
    const source = 'console.log("importing"); await new Promise((go) => setTimeout(go, 600_000));';
    await Deno.writeTextFile(`${modules}/slow/mod.ts`, source);
    await using program = launch({ directory: directory.path, modules });
    await program.whenPrinted(/importing/);
    program.kill("SIGTERM");
    assertEquals((await timed(program.exited)).code, 0);
  });
});

const open = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };

function connect({ url }: Service): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  return Deno.connect({ hostname, port: Number(port) });
}

async function send(connection: Deno.TcpConn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

/** A command whose body stays behind, being read once the service asks for it; gives what sends the rest. */
async function beginCommand(connection: Deno.TcpConn): Promise<() => Promise<void>> {
  const body = JSON.stringify(open);
  const length = `content-length: ${body.length}`;
  const headers = `host: localhost\r\ncontent-type: application/json\r\n${length}\r\nexpect: 100-continue\r\n`;
  await send(connection, `POST /accounts/acc-001 HTTP/1.1\r\n${headers}\r\n`);
  const answer = new Uint8Array(4096);
  const answered = await connection.read(answer);
  assertEquals(new TextDecoder().decode(answer.subarray(0, answered ?? 0)), "HTTP/1.1 100 Continue\r\n\r\n");
  await send(connection, body.slice(0, 20));
  return () => send(connection, body.slice(20));
}

async function isDoorShut(service: Service): Promise<boolean> {
  try {
    using _connection = await connect(service);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.ConnectionReset) return true;
    throw error;
  }
}
