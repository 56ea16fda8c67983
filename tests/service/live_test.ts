import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SseReader } from "../http/sse_reader.ts";
import { chanceOf, printedSeed } from "./chance.ts";
import { readHistories } from "./journal.ts";
import { WanderingReader } from "./live_readers.ts";
import { moment } from "./program.ts";
import { assertStatus, launch, type Service, startService, temporaryDirectory, whenReady } from "./service.ts";
import { within } from "../contract/surroundings.ts";

const WRITES = Number(Deno.env.get("LIVE_WRITES") ?? 20_000);
const READERS = 50;
const WRITERS = 16;
const TOPIC = "/topics/account-events";
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const DEPOSIT = { type: "Deposit", amount: 1 };
const IDS = Array.from({ length: 10 }, (_, at) => `acc-${at}`);

describe("fifty readers who come and go at random while twenty thousand commands are written", () => {
  it("find every event exactly once, and those of an aggregate in order", async () => {
    const seed = printedSeed("live_test");
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    for (const id of IDS) assertStatus(await service.post(`/accounts/${id}`, OPEN), 201);
    const expected = new Map(IDS.map((id) => [id, WRITES / IDS.length + 1]));
    const opened = new Map(IDS.map((id) => [id, 1]));
    const readers = Array.from({ length: READERS }, (_, at) => readerOf(at, { seed, opened, expected }));
    // Who begins now has to be there before the first write.
    const firsts = readers.map(({ reader }) => reader.seen.size === 0 ? undefined : reader.begin(service.url));
    await Promise.all(firsts);
    const reading = readers.map(async ({ reader, wanted }, at) =>
      reader.readAll(wanted, { origin: service.url, first: await firsts[at] })
    );
    const writing = writeAll(service, seed);
    await within(Promise.all([writing, ...reading]), 240_000, "every reader to find every event");
    for (const { reader, wanted } of readers) {
      for (const [id, count] of wanted) assertEquals(reader.seen.get(id), count);
    }
    const connections = readers.reduce((sum, { reader }) => sum + reader.connections, 0);
    console.log(`live_test: ${connections} connections of ${READERS} readers`);
    assert(connections > 2 * READERS);
  });
});

describe("kill -9 with readers connected", () => {
  it("costs them nothing: what was told is stored, and they go on behind it", async () => {
    const seed = printedSeed("live_test, kill");
    const chance = chanceOf(seed);
    await using directory = await temporaryDirectory();
    const readers = IDS.slice(0, 4).flatMap((id, at) => [
      new WanderingReader(`/accounts/${id}/events`, { chance: chanceOf(seed + at), seen: new Map() }),
      new WanderingReader(TOPIC, { chance: chanceOf(seed - at), seen: new Map() }),
    ]);
    for (let round = 0; round < 3; round++) {
      await using service = await startService({ directory: directory.path });
      for (const id of IDS.slice(0, 4)) await service.post(`/accounts/${id}`, round === 0 ? OPEN : DEPOSIT);
      const connected = await Promise.all(readers.map((reader) => reader.begin(service.url)));
      const reading = readers.map((reader, at) => reader.readToEnd(connected[at] ?? fail()));
      let killed = false;
      const writing = IDS.slice(0, 4).map(async (id) => {
        while (!killed) await service.post(`/accounts/${id}`, DEPOSIT).catch(() => {});
      });
      await moment(chance.between(200, 500));
      killed = true;
      await service.end("SIGKILL");
      await Promise.all([...writing, ...reading]);
      for (const each of connected) await each[Symbol.asyncDispose]();
    }
    await using service = await startService({ directory: directory.path });
    const histories = await readHistories(service, IDS.slice(0, 4).map((id) => `/accounts/${id}`));
    const stored = new Map([...histories].map(([path, { length }]) => [path.replace("/accounts/", ""), length]));
    for (const [at, reader] of readers.entries()) {
      const id = IDS[Math.floor(at / 2)] ?? "";
      const expected = at % 2 ? stored : new Map([[id, stored.get(id) ?? 0]]);
      await within(reader.readAll(expected, { origin: service.url }), 30_000, "a reader to find the rest");
      for (const [each, count] of expected) assertEquals(reader.seen.get(each), count);
    }
  });
});

describe("a stop with live streams open", () => {
  it("does not wait for them, not even for one that does not read", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const owner = "x".repeat(200);
    assertStatus(await service.post("/accounts/acc-0", { ...OPEN, owner }), 201);
    const { hostname, port } = new URL(service.url);
    using silent = await Deno.connect({ hostname, port: Number(port) });
    await silent.write(new TextEncoder().encode(`GET ${TOPIC}?from=beginning HTTP/1.1\r\nhost: localhost\r\n\r\n`));
    const paths = Array.from({ length: 20 }, (_, at) => at % 2 ? TOPIC : "/accounts/acc-0/events");
    const readers = await Promise.all(paths.map((path) => SseReader.open(service.url + path)));
    const ends = Promise.all(readers.map((reader) => reader.next()));
    const startedMs = performance.now();
    const { code, stderr } = await service.end("SIGTERM");
    assertEquals(code, 0, stderr);
    assertLess(performance.now() - startedMs, 5_000);
    assertEquals(await ends, paths.map(() => undefined));
  });
});

describe("deno task dev with a live stream open", () => {
  it("restarts at once when a file changes", async () => {
    await using directory = await temporaryDirectory();
    const modules = `${directory.path}/modules`;
    await copyAccount(modules);
    await using program = launch({ directory: directory.path, modules, task: "dev" });
    const before = await whenReady(program);
    await before.post("/accounts/acc-0", OPEN);
    await using reader = await SseReader.open(`${before.url}${TOPIC}?from=beginning`);
    await reader.take(1);
    const printed = program.stdout.length;
    const startedMs = performance.now();
    await Deno.writeTextFile(`${modules}/account/mod.ts`, "// changed\n", { append: true });
    const after = await whenReady(program, printed);
    assertLess(performance.now() - startedMs, 10_000);
    assertEquals(await reader.next(), undefined);
    await using again = await SseReader.open(`${after.url}${TOPIC}`, {
      headers: { "last-event-id": reader.lastId ?? "" },
    });
    assertStatus(await after.post("/accounts/acc-0", DEPOSIT), 200);
    assertEquals((await again.take(1)).map(({ data }) => data.sequence_number), [2]);
    for (const service of [before, after]) service.close();
    program.kill("SIGINT");
    await within(program.exited, 15_000, "the watcher to end");
  });
});

/** Of the topic or of one aggregate, from the beginning on or, having seen the first events, from now on. */
function readerOf(
  at: number,
  { seed, opened, expected }: {
    seed: number;
    opened: ReadonlyMap<string, number>;
    expected: ReadonlyMap<string, number>;
  },
) {
  const id = IDS[at % IDS.length] ?? "";
  const ofOne = (all: ReadonlyMap<string, number>) => new Map([[id, all.get(id) ?? 0]]);
  const [path, wanted, known] = at % 3 === 0
    ? [TOPIC, expected, opened] as const
    : [`/accounts/${id}/events`, ofOne(expected), ofOne(opened)] as const;
  const seen = at % 4 < 2 ? new Map() : known;
  return { wanted, reader: new WanderingReader(path, { chance: chanceOf(seed + at), seen }) };
}

async function writeAll(service: Service, seed: number): Promise<void> {
  const chance = chanceOf(seed);
  const left = IDS.flatMap((id) => Array.from({ length: WRITES / IDS.length }, () => id));
  const writing = Array.from({ length: WRITERS }, async () => {
    while (left.length > 0) {
      const [id = ""] = left.splice(chance.between(0, left.length - 1), 1);
      assertStatus(await service.post(`/accounts/${id}`, DEPOSIT), 200);
    }
  });
  await Promise.all(writing);
}

async function copyAccount(modules: string): Promise<void> {
  await Deno.mkdir(`${modules}/account`, { recursive: true });
  for await (const { name } of Deno.readDir("modules/account")) {
    if (!name.endsWith("_test.ts")) await Deno.copyFile(`modules/account/${name}`, `${modules}/account/${name}`);
  }
}

function fail(): never {
  throw new Error("expected a connection for each reader");
}
