import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { residentMegabytes } from "../../bench/process.ts";
import { type Answer, header, type Service, startService, temporaryDirectory } from "./service.ts";
import { within } from "../contract/surroundings.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const DEPOSIT = { type: "Deposit", amount: 1 };
const HEAD = "POST /accounts/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
const CROWD = 1_000;
/** Of a service under load, above what it had before: most of it is garbage, and connections that hold a large body. */
const GROWTH_MEGABYTES = 256;
const GROWTH_BY_LARGE_BODIES_MEGABYTES = 384;

describe("a crowd", () => {
  it(`of ${CROWD} idle connections, ${CROWD} slow heads and ${CROWD} slow bodies leaves others served`, async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const before = await residentMegabytes(service.program.pid);
    await using idle = await connect(service, { count: CROWD, text: "" });
    await using heads = await connect(service, { count: CROWD, text: HEAD });
    await using bodies = await connect(service, { count: CROWD, text: `${HEAD}Content-Length: 99\r\n\r\n{` });
    assertEquals([idle, heads, bodies].map(({ connections }) => connections.length), [CROWD, CROWD, CROWD]);
    assertEquals((await service.post("/accounts/a", OPEN)).status, 201);
    for (let at = 0; at < 100; at++) assertEquals((await service.post("/accounts/a", DEPOSIT)).status, 200);
    const answers = await within(Promise.all(bodies.connections.map(answerOf)), 30_000, "slow bodies to be given up");
    assertEquals(new Set(answers), new Set(["408"]));
    assertLess(await residentMegabytes(service.program.pid) - before, GROWTH_MEGABYTES);
    assertEquals((await service.get("/accounts/slow")).status, 404);
  });

  it(`of ${CROWD} large bodies that do not end is held to its memory, and others are served`, async () => {
    await using directory = await temporaryDirectory();
    const environment = { BODY_MEMORY_BYTES: String(16 * 1024 * 1024) };
    await using service = await startService({ directory: directory.path, environment });
    assertEquals((await service.post("/accounts/a", OPEN)).status, 201);
    const before = await residentMegabytes(service.program.pid);
    const text = `${HEAD}Content-Length: 262144\r\n\r\n${" ".repeat(250_000)}`;
    await using bodies = await connect(service, { count: CROWD, text });
    const answers = Promise.all(bodies.connections.map(answerOf));
    for (let at = 0; at < 100; at++) assertEquals((await service.post("/accounts/a", DEPOSIT)).status, 200);
    const found = await within(answers, 30_000, "large bodies to be refused or given up");
    const refused = found.filter((status) => status === "503").length;
    assert(refused > CROWD / 2, `expected most to be refused, found ${refused} of ${found.length}`);
    assertEquals(found.filter((status) => !["503", "408", ""].includes(status)), []);
    assertLess(await residentMegabytes(service.program.pid) - before, GROWTH_BY_LARGE_BODIES_MEGABYTES);
  });

  it("that asks for more than may be under way, or too often, is told when to come back", async () => {
    await using directory = await temporaryDirectory();
    const environment = { REQUEST_LIMIT: "200", RATE_LIMIT: "1000/3600", BODY_TIMEOUT_MS: "8000" };
    await using service = await startService({ directory: directory.path, environment });
    assertEquals((await service.post("/accounts/a", OPEN)).status, 201);
    const before = await residentMegabytes(service.program.pid);
    await using held = await connect(service, { count: 250, text: `${HEAD}Content-Length: 99\r\n\r\n{` });
    const given = await within(Promise.all(held.connections.map(answerOf)), 30_000, "slow bodies to be answered");
    assertEquals(countsOf(given), { 408: 200, 503: 50 });
    const answers = await Promise.all(Array.from({ length: 4_000 }, () => service.post("/accounts/a", DEPOSIT)));
    // However many came at once, one after the other they come too often in the end.
    while (!answers.some(({ status }) => status === 429)) answers.push(await service.post("/accounts/a", DEPOSIT));
    const counts = countsOf(answers.map(({ status }) => String(status)));
    assertEquals(Object.keys(counts).filter((status) => !["200", "429", "503"].includes(status)), []);
    assert((counts["200"] ?? 0) > 0, JSON.stringify(counts));
    for (const answer of answers) if (answer.status !== 200) assertSaysWhen(answer);
    assertEquals((await service.get("/accounts/a", { door: "operator" })).body.version, 1 + (counts["200"] ?? 0));
    assertLess(await residentMegabytes(service.program.pid) - before, GROWTH_MEGABYTES);
  });
});

/** So many connections, on each of which the text was sent. */
async function connect({ url }: Service, { count, text }: { count: number; text: string }) {
  const { hostname, port } = new URL(url);
  const bytes = new TextEncoder().encode(text);
  const connections: Deno.TcpConn[] = [];
  for (let at = 0; at < count; at++) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connections.push(connection);
    // What was refused before it was all sent takes no more.
    void sendAll(connection, bytes).catch(() => {});
  }
  const close = () => {
    for (const connection of connections) connection.close();
    return Promise.resolve();
  };
  return { connections, [Symbol.asyncDispose]: close };
}

async function sendAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** The status of the first answer; nothing when the connection ends without one. */
async function answerOf(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(1_024);
  const count = await connection.read(buffer).catch(() => null);
  return count === null ? "" : new TextDecoder().decode(buffer.subarray(0, count)).split(" ")[1] ?? "";
}

function countsOf(statuses: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function assertSaysWhen(answer: Answer): void {
  assert(Number(header(answer, "retry-after")) > 0, `expected a Retry-After above 0, found ${answer.text}`);
}
