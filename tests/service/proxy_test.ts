import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until, within } from "../contract/surroundings.ts";
import { SseReader } from "../http/sse_reader.ts";
import { findNginx, Nginx } from "./nginx.ts";
import { type Service, startService, temporaryDirectory } from "./service.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const HEAD = "POST /accounts/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
/** What deploy/proxy/nginx.conf says. */
const CONNECTIONS = 256;

describe("a service behind deploy/proxy/nginx.conf", () => {
  it("takes commands, passes live streams on at once, and knows the client's address", async () => {
    await using proxied = await open({ RATE_LIMIT: "20/60", TRUSTED_PROXIES: "127.0.0.1" });
    if (proxied === undefined) return;
    const { send, nginx, client } = proxied;
    assertEquals((await send("/accounts/a", { body: OPEN })).status, 201);
    {
      await using reader = await SseReader.open(`${nginx.url}/accounts/a/events`, { client });
      await send("/accounts/a", { body: { type: "Deposit", amount: 5 } });
      assertEquals((await within(Promise.resolve(reader.next()), 5_000, "an event"))?.type, "MoneyDeposited");
    }
    const answer = await send("/accounts/a");
    assertEquals([answer.status, answer.headers.get("server")], [200, "nginx"]);
    assertMatch(answer.headers.get("strict-transport-security") ?? "", /max-age/);
    const statuses = [];
    for (let at = 0; at < 20; at++) {
      statuses.push((await send("/accounts/a", { headers: { "x-forwarded-for": `10.0.0.${at}` } })).status);
    }
    assertEquals(statuses.at(-1), 429, "a made-up address is not believed");
  });

  it("is spared heads and bodies that are slow or too large, and too many of one address", async () => {
    await using proxied = await open();
    if (proxied === undefined) return;
    const { send, nginx, service } = proxied;
    assertMatch(await untilClosed(nginx, `${HEAD}Content-Length: 262145\r\n\r\n`), /^HTTP\/1\.1 413 /);
    assertMatch(await untilClosed(nginx, `${HEAD}X: ${"x".repeat(40_000)}`), /^HTTP\/1\.1 400 /);
    const slow = [`${HEAD.slice(0, 40)}`, `${HEAD}Content-Length: 9\r\n\r\n{`].map((text) => untilClosed(nginx, text));
    assertEquals((await send("/accounts/b", { body: OPEN })).status, 201);
    const answers = await within(Promise.all(slow), 30_000, "slow clients to be cut off");
    for (const answer of answers) assertMatch(answer, /^(HTTP\/1\.1 408 .*)?$/s);
    const held = await Promise.all(Array.from({ length: CONNECTIONS }, () => follow(nginx)));
    const refused = await send("/accounts/b");
    assertEquals([refused.status, refused.headers.get("retry-after")], [429, "1"]);
    assertEquals((await service.get("/accounts/b")).status, 200);
    for (const connection of held) connection.close();
    await until(async () => (await send("/accounts/b")).status === 200);
    assertEquals((await service.get("/accounts/slow")).status, 404);
  });

  it("gets no more at once than it takes, and who is over is told when to come back", async () => {
    await using proxied = await open({}, 3);
    if (proxied === undefined) return;
    const { send, nginx, service } = proxied;
    assertEquals((await send("/accounts/b", { body: OPEN })).status, 201);
    const held = await Promise.all([1, 2, 3].map(() => follow(nginx)));
    const refused = await send("/accounts/b");
    assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    assertMatch(refused.headers.get("strict-transport-security") ?? "", /max-age/);
    for (const connection of held) connection.close();
    await until(async () => (await send("/accounts/b")).status === 200);
    await service.end("SIGKILL");
    const lost = await send("/accounts/b");
    assertEquals([lost.status, lost.headers.get("retry-after")], [502, null]);
    assertMatch(lost.headers.get("strict-transport-security") ?? "", /max-age/);
  });
});

type Sending = { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

/** Undefined where nginx is not installed, which it says. */
async function open(environment: Readonly<Record<string, string>> = {}, serviceConnections = 10_000) {
  const binary = await findNginx();
  if (binary === undefined) {
    console.log("not tested: nginx or openssl is missing; install them, or name nginx in NGINX");
    return undefined;
  }
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const service: Service = stack.use(await startService({ directory: directory.path, environment }));
  const path = await Deno.realPath(directory.path);
  const nginx = stack.use(await Nginx.start({ binary, directory: path, serviceUrl: service.url, serviceConnections }));
  const client = stack.adopt(Deno.createHttpClient({ caCerts: [...nginx.caCerts] }), (each) => each.close());
  const send = async (path: string, { body, headers = {} }: Sending = {}) => {
    const given = body === undefined ? { headers } : {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    };
    const response = await fetch(nginx.url + path, { ...given, client });
    await response.body?.cancel();
    return response;
  };
  return { service, nginx, client, send, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Sends the beginning of a request and reads until nginx has had enough. */
async function untilClosed(nginx: Nginx, text: string): Promise<string> {
  using connection = await nginx.connect();
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(65_536);
  let answer = "";
  for (;;) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return answer;
    answer += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

/** A live stream that has begun. */
async function follow(nginx: Nginx): Promise<Deno.TlsConn> {
  const connection = await nginx.connect();
  const text = "GET /accounts/b/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
  await connection.write(new TextEncoder().encode(text));
  const count = await connection.read(new Uint8Array(1_024));
  assert(count !== null, "expected the stream to begin, found its end");
  return connection;
}
