import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import { bearer, Issuer, signingKey, tokenOf } from "./issuer.ts";
import { type Answer, assertProblem, openService, sendRaw } from "./rig.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const TRIES = 3_000;
const TOKEN = "the-operators-own-token-0123456789";

describe("a rate limit", () => {
  it("counts by subject where there are tokens, and a refused token by its address", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: { ...issuer.environment, RATE_LIMIT: "2/60" } });
    const status = async (token: string) => (await service.send("/accounts/a", { headers: bearer(token) })).status;
    const [alice, bob] = [await tokenOf(key), await tokenOf(key, { sub: "bob" })];
    assertEquals(await inTurn([alice, alice, alice, bob], status), [404, 404, 429, 404]);
    assertEquals(await inTurn(["x", "y", "z"], status), [401, 401, 429]);
    assertEquals((await service.send("/accounts/a")).status, 429);
    assertEquals(await status(bob), 404);
  });

  it("of all together is not spent by whom their own limit refuses", async () => {
    const environment = { RATE_LIMIT: "2/600", RATE_LIMIT_GLOBAL: "4/600", TRUSTED_PROXIES: "127.0.0.1" };
    for (const path of ["/accounts/a", "/nothing"]) {
      await using service = await openService({ environment });
      const ask = async (client: string) =>
        (await service.send(path, { headers: { "x-forwarded-for": client } })).status;
      assertEquals(await inTurn(Array(5).fill("6.6.6.6"), ask), [404, 404, 429, 429, 429], path);
      assertEquals(await inTurn(["7.7.7.7", "7.7.7.7", "8.8.8.8"], ask), [404, 404, 429], path);
    }
  });

  it("of all together is not spent without a token that is taken", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: { ...issuer.environment, RATE_LIMIT_GLOBAL: "2/600" } });
    const status = async (headers: Record<string, string>) => (await service.send("/accounts/a", { headers })).status;
    assertEquals(await inTurn([{}, {}, {}, bearer("x"), bearer("y"), bearer("z")], status), Array(6).fill(401));
    const token = bearer(await tokenOf(key));
    assertEquals(await inTurn([token, token, token, {}], status), [404, 404, 429, 429]);
  });

  it("counts a request whose X-Correlation-Id is malformed, too", async () => {
    await using service = await openService({ environment: { RATE_LIMIT: "2/600" } });
    const status = async (id: string) =>
      (await service.send("/accounts/a", { headers: { "x-correlation-id": id } })).status;
    assertEquals(await inTurn(["x", "y", "z"], status), [400, 400, 429]);
  });

  it("of all together holds whoever asks, and never for health or operators", async () => {
    await using service = await openService({
      environment: { RATE_LIMIT_GLOBAL: "2/60", TRUSTED_PROXIES: "127.0.0.1" },
    });
    const ask = (client: string) => service.send("/accounts/a", { headers: { "x-forwarded-for": client } });
    const answers = await inTurn(["10.0.0.1", "10.0.0.2", "10.0.0.3"], ask);
    assertEquals(answers.map(({ status }) => status), [404, 404, 429]);
    const [, , limited] = answers;
    assertProblem(limited ?? await ask(""), 429, "rate_limited");
    assertMatch(limited?.headers.get("retry-after") ?? "", /^[1-9][0-9]?$/);
    for (const path of ["/livez", "/readyz"]) assertEquals((await service.send(path)).status, 200);
    assertEquals((await service.send("/accounts/a", { operator: true })).status, 404);
  });

  it("believes X-Forwarded-For of trusted proxies only, and of it the last address that is not one", async () => {
    const cases: [trusted: string | undefined, forwarded: string, other: string, isSame: boolean][] = [
      [undefined, "10.0.0.1", "10.0.0.2", true],
      ["10.0.0.0/8", "1.1.1.1", "1.1.1.2", true],
      ["127.0.0.0/8", "1.1.1.1", "1.1.1.2", false],
      ["127.0.0.1,10.0.0.0/8", "6.6.6.6, 1.1.1.1, 10.0.0.7", "7.7.7.7, 1.1.1.1, 10.9.9.9", true],
      ["127.0.0.1", "6.6.6.6, 1.1.1.1", "6.6.6.6, 1.1.1.2", false],
      ["127.0.0.1", "1.1.1.1, nonsense", "1.1.1.2, nonsense", true],
      ["127.0.0.1,::1", "2001:db8::1", "2001:0DB8:0:0:ffff::2", true],
      ["127.0.0.1,::1", "2001:db8:0:1::1", "2001:db8:0:2::1", false],
      ["127.0.0.1,::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", true],
      ["127.0.0.1", "::ffff:1.1.1.1", "::ffff:1.1.1.2", false],
      ["127.0.0.1", "fe80::1%1:1:1:1:1:1:1:1:1", "fe80::2%eth0", true],
    ];
    for (const [trusted, forwarded, other, isSame] of cases) {
      const trusting = trusted === undefined ? {} : { TRUSTED_PROXIES: trusted };
      await using service = await openService({ environment: { RATE_LIMIT: "1/60", ...trusting } });
      const status = async (client: string) =>
        (await service.send("/accounts/a", { headers: { "x-forwarded-for": client } })).status;
      const what = `${trusted}: ${forwarded} and ${other}`;
      assertEquals(await inTurn([forwarded, forwarded, other], status), [404, 429, isSame ? 429 : 404], what);
    }
  });
});

describe("requests under way", () => {
  it("beyond their number are answered 503 at once, and health is not", async () => {
    await using service = await openService({ environment: { REQUEST_LIMIT: "2", BODY_TIMEOUT_MS: "60000" } });
    const slow = await Promise.all([1, 2].map(() => beginBody(service.url)));
    await until(async () => (await service.send("/accounts/a")).status === 503);
    const refused = await service.send("/accounts/a");
    assertProblem(refused, 503, "overloaded");
    assertEquals(refused.headers.get("retry-after"), "1");
    for (const path of ["/livez", "/readyz"]) assertEquals((await service.send(path)).status, 200);
    for (const connection of slow) connection.close();
    await until(async () => (await service.send("/accounts/a")).status !== 503);
    assertEquals((await service.send("/accounts/a")).status, 404);
  });

  it("may hold so much of large bodies that are not whole, and small ones go by", async () => {
    await using service = await openService({ environment: { BODY_MEMORY_BYTES: "65536", BODY_TIMEOUT_MS: "60000" } });
    const held = await beginBody(service.url, { length: 100_000, sent: 60_000 });
    const padded = JSON.stringify(OPEN).padEnd(30_000);
    const refused = () => service.send("/accounts/large", { body: padded });
    // The other body may come in after this one at first.
    await until(async () => (await refused()).status === 503);
    assertProblem(await refused(), 503, "overloaded");
    assertEquals((await service.send("/accounts/small", { body: OPEN })).status, 201);
    held.close();
    await until(async () => (await refused()).status !== 503);
    assertEquals((await service.send("/accounts/other", { body: padded })).status, 201);
  });

  it("hold nothing of a body that was given up, though its client stays", async () => {
    await using service = await openService({ environment: { BODY_MEMORY_BYTES: "65536", BODY_TIMEOUT_MS: "1000" } });
    const held = await Promise.all([1, 2].map(() => beginBody(service.url, { length: 100_000, sent: 30_000 })));
    for (const connection of held) {
      const answer = new TextDecoder().decode((await connection.readable.getReader().read()).value);
      assertMatch(answer, /^HTTP\/1\.1 408 .*\r\nconnection: close\r\n/is);
    }
    assertEquals((await service.send("/accounts/large", { body: JSON.stringify(OPEN).padEnd(60_000) })).status, 201);
    for (const connection of held) connection.close();
  });
});

describe("the public door", () => {
  const OTHERS = ["rebound.test:80", "127.0.0.1.rebound.test", "localhost.rebound.test", "10.0.0.1", "x", "a b"];

  it("is reached by no name that is not this machine's while nothing says whom to let in", async () => {
    await using service = await openService({ environment: { CORS_ORIGINS: "https://shop.example" } });
    const own = new URL(service.url).host;
    const names = [own, "localhost", `localhost:${own.split(":")[1]}`, "127.0.0.1", "[::1]:8000"];
    for (const host of names) {
      assertEquals(await statusOf(service.url, "/accounts/a", { host, origin: "https://shop.example" }), 404, host);
      for (const path of ["/accounts/a", "/views/account_balances", "/docs", "/nothing"]) {
        for (const other of OTHERS) assertEquals(await statusOf(service.url, path, { host: other }), 403, other);
      }
    }
    const asking = { "access-control-request-method": "POST", host: "x" };
    assertEquals(await statusOf(service.url, "/accounts/a", { ...asking, host: own }, "OPTIONS"), 204);
    assertEquals(await statusOf(service.url, "/accounts/a", asking, "OPTIONS"), 403);
    assertEquals(await statusOf(service.url, "/livez", { host: "x" }), 200);
  });

  it("is reached by every name once something says so", async () => {
    await using service = await openService({ environment: { AUTH: "none" } });
    for (const host of ["rebound.test", "localhost"]) {
      assertEquals(await statusOf(service.url, "/accounts/a", { host }), 404);
    }
  });
});

describe("the operator's door", () => {
  it("answers no page of another origin, and by no name that is not this machine's", async () => {
    await using service = await openService();
    const { host } = new URL(service.operatorUrl);
    const ask = (path: string, headers: Record<string, string>) =>
      statusOf(service.operatorUrl, path, { host, ...headers });
    const port = host.split(":")[1];
    for (const path of ["/metrics", "/readyz", "/livez", "/openapi.json", "/views/account_balances"]) {
      assertEquals(await ask(path, {}), 200);
      assertEquals(await ask(path, { host: `localhost:${port}` }), 200);
      assertEquals(await ask(path, { origin: `http://${host}`, "sec-fetch-site": "same-origin" }), 200);
      assertEquals(await ask(path, { host: `rebound.test:${port}` }), 403);
      assertEquals(await ask(path, { host: `127.0.0.1.rebound.test:${port}` }), 403);
      for (const origin of ["http://rebound.test", "null", "http://127.0.0.1:1", "nonsense"]) {
        assertEquals(await ask(path, { origin }), 403, origin);
      }
      assertEquals(await ask(path, { "sec-fetch-site": "cross-site" }), 403);
    }
    assertEquals(await ask("/nothing", { host: `rebound.test:${port}` }), 403);
    assertEquals(await ask("/metrics", { host: "a b" }), 403);
    assertEquals(service.lines.filter((line) => line.startsWith("error")), []);
  });

  it("tells those without its token nothing, but that the service is well", async () => {
    await using service = await openService({ environment: { OPERATOR_TOKEN: TOKEN } });
    const operator = true;
    const [secret, headers] = [bearer(`${TOKEN.slice(0, -1)}x`), bearer(TOKEN)];
    for (const given of [{}, secret, bearer(`${TOKEN}x`), bearer(TOKEN.toUpperCase())]) {
      assertProblem(await service.send("/metrics", { operator, headers: given }), 401, "unauthenticated");
      assertProblem(await service.send("/nothing", { operator, headers: given }), 401, "unauthenticated");
    }
    assertEquals((await service.send("/metrics", { operator, headers })).status, 200);
    assertProblem(await service.send("/nothing", { operator, headers }), 404, "not_found");
    assertEquals((await service.send("/accounts/a", { operator, headers, body: OPEN })).status, 201);
    const { body } = await service.send("/accounts/a/events");
    assertEquals((body.items as { user_id: unknown }[]).map(({ user_id }) => user_id), ["operator"]);
  });

  it("leaves loopback only with a token, which may stand in a file", async () => {
    const path = await Deno.makeTempFile();
    const refusal = async (environment: Record<string, string>) =>
      (await assertRejects(() => openService({ environment }), StartError)).message;
    assertStringIncludes(await refusal({ METRICS_HOST: "10.9.8.7" }), "without a token: set OPERATOR_TOKEN_FILE or");
    assertMatch(
      await refusal({ METRICS_HOST: "10.9.8.7", OPERATOR_TOKEN: TOKEN }),
      / add 10\.9\.8\.7:0 to --allow-net of the task that starts it$/,
    );
    assertStringIncludes(await refusal({ OPERATOR_TOKEN: TOKEN, OPERATOR_TOKEN_FILE: path }), "exclude each other");
    const short = await refusal({ OPERATOR_TOKEN: "too-short-a-secret" });
    assertStringIncludes(short, "expected 32 or more characters");
    assert(!short.includes("too-short-a-secret"), "expected no secret in the message");
    assertStringIncludes(await refusal({ OPERATOR_TOKEN_FILE: path }), "holds no token: expected 32 or more");
    assertStringIncludes(await refusal({ OPERATOR_TOKEN_FILE: `${path}.no` }), "Cannot read OPERATOR_TOKEN_FILE");
    await Deno.writeTextFile(path, `${TOKEN}\n`);
    await using service = await openService({ environment: { OPERATOR_TOKEN_FILE: path } });
    assertEquals((await service.send("/metrics", { operator: true, headers: bearer(TOKEN) })).status, 200);
    await Deno.remove(path);
  });
});

describe("pages of other origins", () => {
  const origin = "https://shop.example";
  const preflight = { origin, "access-control-request-method": "POST", "access-control-request-headers": "if-match" };

  it("are told nothing unless they are named", async () => {
    await using service = await openService();
    const answers = [
      await service.send("/accounts/a", { headers: { origin } }),
      await service.send("/accounts/a", { method: "OPTIONS", headers: preflight }),
    ];
    for (const answer of answers) assertEquals(allowed(answer), []);
  });

  it("may use the service when they are named, and no others", async () => {
    await using service = await openService({ environment: { CORS_ORIGINS: `http://localhost:3000, ${origin}` } });
    const asked = await service.send("/accounts/a", { method: "OPTIONS", headers: preflight });
    assertEquals([asked.status, asked.headers.get("access-control-allow-origin")], [204, origin]);
    assertEquals(asked.headers.get("access-control-allow-headers"), "if-match");
    assertEquals(asked.headers.get("access-control-allow-credentials"), null);
    const created = await service.send("/accounts/a", { body: OPEN, headers: { origin } });
    assertEquals([created.status, created.headers.get("access-control-allow-origin")], [201, origin]);
    assertStringIncludes(created.headers.get("access-control-expose-headers") ?? "", "Consistency-Token,ETag");
    assertStringIncludes(created.headers.get("vary") ?? "", "Origin");
    const head = await service.send("/accounts/a", { method: "HEAD", headers: { origin } });
    const { text } = await service.send("/accounts/a", { headers: { origin } });
    assertEquals([head.status, head.headers.get("content-length")], [200, String(text.length)]);
    assertEquals(head.headers.get("access-control-allow-origin"), origin);
    const refused = await service.send("/accounts/a", { headers: { origin: `${origin}.rebound.test` } });
    assertEquals(refused.headers.get("access-control-allow-origin"), null);
    const plain = await service.send("/accounts/a", { method: "OPTIONS", headers: { origin } });
    assertEquals([plain.status, plain.headers.get("allow")], [204, "GET, HEAD, POST, OPTIONS"]);
    assertEquals(allowed(await service.send("/metrics", { operator: true })), []);
  });

  it("are counted when a browser asks beforehand, and told nothing when they are not named", async () => {
    const environment = { CORS_ORIGINS: origin, RATE_LIMIT: "2/600" };
    await using service = await openService({ environment });
    const other = { ...preflight, origin: "https://other.example" };
    const unnamed = await service.send("/accounts/a", { method: "OPTIONS", headers: other });
    assertEquals([unnamed.status, allowed(unnamed)], [204, []]);
    const ask = async () => (await service.send("/accounts/a", { method: "OPTIONS", headers: preflight })).status;
    assertEquals(await inTurn([1, 2], ask), [204, 429]);
  });

  it("are named as browsers write them", async () => {
    for (const origins of ["*", "https://shop.example/", "shop.example", "null", ""]) {
      const environment = { CORS_ORIGINS: origins };
      const { message } = await assertRejects(() => openService({ environment }), StartError);
      assertStringIncludes(message, "expected origins like https://shop.example");
    }
  });
});

const ALL_SAID = ["nosniff", "DENY", "same-origin", "no-referrer"];

describe("every answer", () => {
  it("tells a browser what not to do, and nobody what it runs on", async () => {
    const origin = "https://shop.example";
    await using service = await openService({ environment: { CORS_ORIGINS: origin } });
    const sendings: [path: string, sending?: Parameters<typeof service.send>[1]][] = [
      ...["/livez", "/docs", "/docs/start.js", "/problems/not_found", "/openapi.json", "/nothing", "/accounts/a"]
        .map((path): [string] => [path]),
      ["/accounts/a", { body: OPEN }],
      ["/accounts/a", { body: "{" }],
      ["/accounts/a", { method: "DELETE" }],
      ["/accounts/a", { method: "OPTIONS" }],
      ["/accounts/a", { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } }],
      ["/accounts/a", { method: "GET", headers: { origin } }],
      ["/accounts/a", { method: "GET", headers: { "if-none-match": "*" } }],
      ["/openapi.json", { method: "GET", headers: { "if-none-match": "*" } }],
      ["/topics/account-events", { method: "HEAD" }],
      ["/accounts/a/events", { method: "HEAD", headers: { accept: "text/event-stream" } }],
      ["/metrics", { operator: true }],
    ];
    for (const [path, sending] of sendings) {
      const { status, headers } = await service.send(path, sending);
      const names = ["x-content-type-options", "x-frame-options", "cross-origin-resource-policy", "referrer-policy"];
      const said = names.map((name) => headers.get(name));
      const isTaken = status < 300 && sending?.body === OPEN;
      assertEquals(said, isTaken ? ["nosniff", null, null, null] : ALL_SAID, path);
      assertMatch(headers.get("x-correlation-id") ?? "", /^[0-9a-f-]{36}$/, path);
      assertEquals([headers.get("server"), headers.get("x-powered-by")], [null, null], path);
      const isPage = headers.get("content-type")?.startsWith("text/html") ?? false;
      if (isPage) assertStringIncludes(headers.get("content-security-policy") ?? "", "frame-ancestors 'none'");
    }
  });
});

/** With a Host as it is said, which fetch does not allow. */
async function statusOf(url: string, path: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Number((await sendRaw(url, `${method} ${path} HTTP/1.1\r\n${lines}\r\n`)).split(" ")[1]);
}

async function inTurn<T, U>(items: readonly T[], each: (item: T) => Promise<U>): Promise<U[]> {
  const found: U[] = [];
  for (const item of items) found.push(await each(item));
  return found;
}

/** What the service notices a moment later. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let at = 0; at < TRIES; at++) if (await isSo()) return;
  throw new Error(`expected it to become so within ${TRIES} requests, found that it did not`);
}

function allowed({ headers }: Answer): string[] {
  return [...headers.keys()].filter((name) => name.startsWith("access-control-"));
}

/** The beginning of a request whose body does not come to its end. */
async function beginBody(url: string, { length = 99, sent = 1 } = {}): Promise<Deno.Conn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head =
    `POST /accounts/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}`;
  const bytes = new TextEncoder().encode(`${head}\r\n\r\n${" ".repeat(sent)}`);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  return connection;
}
