import { assert, assertMatch } from "@std/assert";
import { cat } from "../../bench/process.ts";
import type { Service } from "./service.ts";

/** An answer, as far as a crowd looks at it. */
export type Told = { readonly status: number; readonly retryAfter: string | null };

type Asking = { readonly count: number; readonly text: string };

const TRICKLE_MS = 1_000;
const BYTE = new TextEncoder().encode(" ");

/** States of a socket as the system's table names them. */
const LISTENING = "0A";
const REMEMBERED = "06";

/** The head of a command, but for its length, by a client whose address a proxy tells. */
export function headOf(client: string): string {
  const lines = ["Host: localhost", "Content-Type: application/json", `X-Forwarded-For: ${client}`];
  return `POST /accounts/slow HTTP/1.1\r\n${lines.join("\r\n")}\r\n`;
}

/** So many connections, on each of which the text was sent; closed when disposed. */
export async function connect(url: string, { count, text }: Asking) {
  const connections: Deno.TcpConn[] = [];
  for (let at = 0; at < count; at++) {
    const connection = await open(url);
    connections.push(connection);
    // What was refused before it was all sent takes no more.
    void sendAll(connection, text).catch(() => {});
  }
  const close = () => {
    for (const connection of connections) connection.close();
    return Promise.resolve();
  };
  return { connections, [Symbol.asyncDispose]: close };
}

/** What so many are told who send the text at once; left out are those whose answer was lost with its connection. */
export async function toldTo(url: string, asking: Asking): Promise<readonly Told[]> {
  await using asked = await connect(url, asking);
  const told = await Promise.all(asked.connections.map(readTold));
  return told.filter((each) => each !== undefined);
}

/**
 * So many clients, each with a body of which a byte comes every second: who is answered begins another one, after as
 * long as it was told to wait. `end` lets the last ones come to their answers, and gives all there were.
 */
export function startSlowBodies(url: string, count: number): { readonly end: () => Promise<readonly Told[]> } {
  const answers: Told[] = [];
  let isOver = false;
  const clients = Array.from({ length: count }, async (_, at) => {
    while (!isOver) {
      const told = await sendSlowly(url, `${headOf(`10.0.${at >> 8}.${at & 255}`)}Content-Length: 1000\r\n\r\n{`);
      answers.push(told);
      if (!isOver) await waitAsTold(told);
    }
  });
  const done = Promise.all(clients);
  done.catch(() => {});
  return {
    async end() {
      isOver = true;
      await done;
      return answers;
    },
  };
}

async function sendSlowly(url: string, text: string): Promise<Told> {
  using connection = await open(url);
  await sendAll(connection, text);
  const trickling = setInterval(() => connection.write(BYTE).catch(() => {}), TRICKLE_MS);
  try {
    const told = await readTold(connection);
    if (told === undefined) throw new Error("expected a slow body to be answered, found the end of its connection");
    return told;
  } finally {
    clearInterval(trickling);
  }
}

/** What a client does that is told when to come back. */
export async function waitAsTold({ retryAfter }: Told): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(retryAfter)));
}

/** Too much is 429 or 503, each with a time to come back after; too slow is 408. */
export function assertRefused({ status, retryAfter }: Told): void {
  assert([408, 429, 503].includes(status), `expected 408, 429 or 503, found ${status}`);
  if (status !== 408) assertMatch(retryAfter ?? "none", /^[1-9][0-9]*$/, `Retry-After of ${status}: ${retryAfter}`);
}

/** How many sockets the system holds at the service's public door; those that are only remembered do not count. */
export async function connectionsOf({ program: { pid }, url }: Service): Promise<number> {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  const lines = (await cat(`/proc/${pid}/net/tcp`)).split("\n").map((line) => line.trim().split(/\s+/));
  const ours = lines.filter(([, local]) => local?.endsWith(`:${port}`));
  return ours.filter(([, , , state]) => state !== LISTENING && state !== REMEMBERED).length;
}

async function open(url: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  return await Deno.connect({ hostname, port: Number(port) });
}

async function sendAll(connection: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** The first answer; nothing when the connection ends without one. */
async function readTold(connection: Deno.TcpConn): Promise<Told | undefined> {
  const buffer = new Uint8Array(4_096);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return undefined;
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return { status: Number(head.split(" ")[1]), retryAfter: /^retry-after: (.*)\r$/im.exec(head)?.[1] ?? null };
}
