import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { commandBusRef } from "../../core/engine/command_bus.ts";
import { parseCommand, registryRef } from "../../core/engine/registry.ts";
import { httpRef } from "../../plugins/http/mod.ts";
import { usedBytes } from "../contract/memory.ts";
import { openService, type Service } from "./rig.ts";
import { SseReader } from "./sse_reader.ts";

const ACCOUNT = "/accounts/a/events";
const TOPIC = "/topics/account-events";

describe("the hand-over from history to live", () => {
  it("leaves nothing out and doubles nothing, whenever a reader comes in", async () => {
    await using service = await openService();
    const write = commandsOf(service);
    for (const id of ["a", "b", "c"]) await write(id, open);
    const writing = Promise.all(["a", "a", "b", "b"].map(async (id) => {
      for (let count = 0; count < 500; count++) await write(id, deposit);
    }));
    const readers = Array.from({ length: 24 }, async (_, at) => {
      for (let count = 0; count < at * 20; count++) await write("c", deposit);
      const path = at % 2 ? `${TOPIC}?from=beginning` : `${ACCOUNT}?after=${at}`;
      await using reader = await SseReader.open(service.url + path);
      return await readUntil(reader, { id: "a", last: 1_001, first: at % 2 ? 1 : at + 1 });
    });
    for (const numbers of await Promise.all(readers)) assertInSequence(numbers);
    await writing;
  });
});

describe("a reader that does not read", () => {
  it("is ended, costs nobody anything, and finds the rest when it comes back", async () => {
    await using service = await openService({ environment: { LIVE_SLOW_READER_MS: "500" } });
    const write = commandsOf(service);
    await write("a", open);
    for (const path of [ACCOUNT, TOPIC]) {
      const slow = await openInProcess(service, `${path}?from=beginning`);
      const first = await slow.take(1);
      await using fast = await SseReader.open(service.url + path);
      for (let count = 0; count < 100; count++) await write("a", deposit);
      await fast.take(100);
      await whenClients(service, 1);
      assertEquals(await slow.rest(), "");
      const headers = { "last-event-id": /^id: (.*)$/m.exec(first)?.[1] ?? "" };
      await using again = await SseReader.open(service.url + path, { headers });
      const numbers = (await again.take(100)).map(({ data }) => Number(data.sequence_number));
      assertInSequence(numbers);
    }
  });

  it("is ended when its socket is full, and gets what was on the way when it reads after all", async () => {
    await using service = await openService({ environment: { LIVE_SLOW_READER_MS: "300" } });
    const write = commandsOf(service);
    await write("a", open);
    await Promise.all(Array.from({ length: 40 }, async () => {
      for (let count = 0; count < 1_000; count++) await write("a", deposit);
    }));
    for (const path of [ACCOUNT, TOPIC]) {
      const response = await fetch(`${service.url}${path}?from=beginning`, {
        headers: { accept: "text/event-stream" },
      });
      await whenClients(service, 0);
      const ids = [...(await response.text()).matchAll(/"sequence_number":(\d+)/g)].map(([, id]) => Number(id));
      assert(ids.length > 0 && ids.length < 40_000, `expected some of the events, found ${ids.length}`);
      assertInSequence(ids);
    }
  });

  it("costs a few kilobytes, ten thousand of them too, whatever happens meanwhile", async () => {
    await using service = await openService({
      environment: { LIVE_STREAMS_PER_CLIENT: "10000", LIVE_SLOW_READER_MS: "600000" },
    });
    const write = commandsOf(service);
    for (const id of ["a", "b"]) {
      await write(id, open);
      for (let count = 0; count < 100; count++) await write(id, deposit);
    }
    const before = await usedBytes();
    const readers = [];
    for (let at = 0; at < 10_000; at++) {
      const reader = await openInProcess(service, `${at % 2 ? ACCOUNT : TOPIC}?from=beginning`);
      if (at % 4 < 2) await reader.take(1);
      readers.push(reader);
    }
    for (let count = 0; count < 1_000; count++) await write("a", deposit);
    const bytesEach = (await usedBytes() - before) / readers.length;
    console.log(`live_load_test: ${Math.round(bytesEach)} bytes for each reader that does not read`);
    assertLess(bytesEach, 20_000);
    assertEquals(await clientsOf(service), 10_000);
    assertEquals((await service.send(TOPIC)).status, 503);
    for (const reader of readers) await reader.leave();
    assertEquals(await clientsOf(service), 0);
  });
});

describe("a reader that goes away", () => {
  it("is forgotten, wherever in an event it was", async () => {
    await using service = await openService();
    const write = commandsOf(service);
    await write("a", { ...open, owner: "x".repeat(200) });
    for (let count = 0; count < 3_000; count++) await write("a", deposit);
    const { hostname, port } = new URL(service.url);
    for (const path of [ACCOUNT, TOPIC]) {
      for (const bytes of [300, 700, 5_000, 100_000]) {
        using connection = await Deno.connect({ hostname, port: Number(port) });
        const request = `GET ${path}?from=beginning HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;
        await connection.write(new TextEncoder().encode(request));
        for (let read = 0; read < bytes;) read += await connection.read(new Uint8Array(bytes - read)) ?? bytes;
      }
    }
    await whenClients(service, 0);
    assertEquals(service.lines.filter((line) => line.startsWith("error")), []);
  });
});

describe("a stop", () => {
  it("ends the streams at once, those of readers that do not read, too", async () => {
    const service = await openService();
    const write = commandsOf(service);
    await write("a", open);
    const paths = Array.from({ length: 20 }, (_, at) => at % 2 ? ACCOUNT : TOPIC);
    const readers = await Promise.all(paths.map((path) => SseReader.open(service.url + path)));
    const ends = readers.map((reader) => reader.next());
    const asleep = await openInProcess(service, `${TOPIC}?from=beginning`);
    const startedMs = performance.now();
    await service.app.stop();
    assertLess(performance.now() - startedMs, 900);
    assertEquals(await Promise.all(ends), paths.map(() => undefined));
    assertEquals(await asleep.rest(), "");
  });
});

const open = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const deposit = { type: "Deposit", amount: 1 };

/** Commands without HTTP, so that a test can send many. */
function commandsOf({ app }: Service) {
  const served = app.service(registryRef).byName.get("account");
  const bus = app.service(commandBusRef);
  const asked = { principal: { sub: "anonymous", claims: {} }, correlationId: "c", causationId: null };
  return async (id: string, body: Record<string, unknown>) => {
    const parsed = served && parseCommand(served, body);
    if (served === undefined || parsed?.is !== "command") throw new Error("expected a command of the account module");
    const outcome = await bus.execute({ ...asked, served, id, command: parsed.command });
    assertEquals(outcome.is, "done");
  };
}

/** The sequence numbers of one aggregate, from where the reader began up to the last. */
async function readUntil(
  reader: SseReader,
  { id, first, last }: { id: string; first: number; last: number },
): Promise<readonly number[]> {
  const numbers: number[] = [];
  while (numbers.at(-1) !== last) {
    const told = await reader.next();
    assert(told !== undefined, "expected more events, found the end");
    if (told.data.aggregate_id === id) numbers.push(Number(told.data.sequence_number));
  }
  assertEquals(numbers[0], first);
  return numbers;
}

function assertInSequence(numbers: readonly number[]): void {
  const [first = 0] = numbers;
  assertEquals(numbers, numbers.map((_, at) => first + at));
}

/** A stream without a socket, in which nothing is read ahead. */
async function openInProcess({ app }: Service, path: string) {
  const request = new Request(`http://localhost${path}`, { headers: { accept: "text/event-stream" } });
  const response = await app.service(httpRef).fetch(request);
  assertEquals(response.status, 200);
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  return {
    /** So many chunks behind the first, which holds no event. */
    async take(count: number): Promise<string> {
      await read();
      let text = "";
      for (let at = 0; at < count; at++) text += await read();
      return text;
    },
    async rest(): Promise<string> {
      let text = "";
      for (let chunk = await read(); chunk !== ""; chunk = await read()) text += chunk;
      return text;
    },
    leave: () => reader.cancel(),
  };
}

async function clientsOf(service: Service): Promise<number> {
  const { text } = await service.send("/metrics", { operator: true });
  return Number(/^sse_clients (\d+)$/m.exec(text)?.[1]);
}

/** A reader that leaves is noticed by the server a moment later. */
async function whenClients(service: Service, count: number): Promise<void> {
  while (await clientsOf(service) !== count);
}
