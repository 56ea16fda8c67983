import { assert, assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import storageSqlite from "../../plugins/storage_sqlite/mod.ts";
import { within } from "../contract/surroundings.ts";
import { attack, attackOperator } from "./attack.ts";
import { AUDIENCE, bearer, Issuer, signingKey, tokenOf } from "./issuer.ts";
import { openService, sendRaw, type Service } from "./rig.ts";

const CASES = Number(Deno.env.get("HOSTILE_CASES") ?? 10_000);
/** Of those that are sent to a second store, and to a second door. */
const FEWER = Math.ceil(CASES / 5);
const HANGS_AFTER_MS = 5_000;
const GUARDED = {
  TRUSTED_PROXIES: "127.0.0.1",
  CORS_ORIGINS: "https://shop.example",
  RATE_LIMIT: "1000000/1",
  RATE_LIMIT_GLOBAL: "2000000/1",
};

const URL_HEADERS = [
  ...["origin", "referer", "forwarded", "x-forwarded-for", "x-forwarded-host", "link", "content-location"],
  ...["x-correlation-id", "traceparent", "tracestate", "idempotency-key", "if-match", "consistency-token", "prefer"],
  ...["accept", "content-type", "last-event-id", "x-callback-url", "x-original-url", "x-http-destinationurl"],
];

describe(`${CASES} hostile requests`, () => {
  it("are answered in time, without a fault, and store nothing but what was acknowledged", async () => {
    await using service = await openService();
    await attack(service, { cases: CASES });
  });

  it("are so where there are tokens, proxies, other origins and limits, too", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: { ...issuer.environment, ...GUARDED } });
    await attack(service, { cases: CASES, headers: bearer(await tokenOf(key)) });
  });

  it("are so on the embedded store, too", async () => {
    const DATA_DIR = await Deno.makeTempDir();
    try {
      await using service = await openService({ storage: storageSqlite, environment: { DATA_DIR } });
      await attack(service, { cases: FEWER });
    } finally {
      await Deno.remove(DATA_DIR, { recursive: true });
    }
  });

  it("are so at the operator's door, too", async () => {
    await using service = await openService();
    await attackOperator(service, { cases: FEWER });
  });
});

describe("what is no request", () => {
  let service: Service;
  beforeAll(async () => void (service = await openService({ environment: { BODY_TIMEOUT_MS: "500" } })));
  afterAll(() => service.app.stop());

  const post = "POST /accounts/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const many = Array.from({ length: 2_000 }, (_, at) => `X-${at}: 1\r\n`).join("");
  const cases: readonly (readonly [name: string, text: string, answer: RegExp])[] = [
    ["nonsense", "\u0001\u0002\u0003\r\n\r\n", /^HTTP\/1\.1 400 |^$/],
    ["of HTTP/0.9", "GET /accounts/a\r\n\r\n", /^HTTP\/1\.[01] 400 |^$/],
    ["a NUL in the path", "GET /accounts/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", /^HTTP\/1\.1 400 |^$/],
    ["a NUL in a header", "GET /accounts/a HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n", /^HTTP\/1\.1 400 |^$/],
    ["two thousand headers", `GET /accounts/a HTTP/1.1\r\nHost: localhost\r\n${many}\r\n`, /^HTTP\/1\.1 4|^$/],
    [
      "a header of a megabyte",
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(2 ** 20)}\r\n\r\n`,
      /^HTTP\/1\.1 4|^$/,
    ],
    ["a path of a megabyte", `GET /${"x".repeat(2 ** 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, /^HTTP\/1\.1 4|^$/],
    ["two lengths", `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, /^HTTP\/1\.1 4|^$/],
    ["a length below zero", `${post}Content-Length: -1\r\n\r\n`, /^HTTP\/1\.1 400 |^$/],
    ["a length beyond counting", `${post}Content-Length: 99999999999999999999\r\n\r\n`, /^HTTP\/1\.1 4/],
    ["chunks of no size", `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /^HTTP\/1\.1 4|^$/],
    ["a body that stops", `${post}Content-Length: 10\r\n\r\n{`, /^HTTP\/1\.1 408 /],
    ["a traversal", "GET /accounts/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", /^HTTP\/1\.1 404 /],
    ["a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", /^HTTP\/1\.1 4|^$/],
  ];
  for (const [name, text, answer] of cases) {
    it(`${name}, is refused in time and nobody notices`, async () => {
      // A server that has refused a head may close before it has read all of it.
      const answering = sendRaw(service.url, text).catch(() => "");
      assertMatch(await within(answering, HANGS_AFTER_MS, "an answer"), answer);
      assertEquals((await service.send("/livez")).status, 200);
    });
  }

  it("two requests in one, is no way to hide one", async () => {
    const hidden = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const both = `${post}Content-Length: ${hidden.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`;
    const answered = await sendRaw(service.url, both);
    assert(!answered.includes('"status":"pass"'), answered);
  });
});

describe("a URL that a client gives", () => {
  it("is never asked, wherever it stands", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `http://127.0.0.1:${listener.addr.port}/`;
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: { ...issuer.environment, ...GUARDED } });
    const headers = bearer(await tokenOf(key));
    for (const name of URL_HEADERS) {
      await service.send("/views/account_balances", { headers: { ...headers, [name]: url } });
    }
    const named = { alg: key.alg, kid: "other", jku: url, x5u: url, iss: url };
    const foreign = [named, { iss: url, sub: "alice", aud: AUDIENCE, exp: 4e9 }].map((part) =>
      btoa(JSON.stringify(part)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
    );
    assertEquals((await service.send("/accounts/a", { headers: bearer(`${foreign.join(".")}.AAAA`) })).status, 401);
    const body = { type: "OpenAccount", owner: url, initial_balance: 1 };
    const opened = await service.send("/accounts/a", { headers, body });
    assertEquals(opened.status, 201);
    const after = { ...headers, "consistency-token": opened.headers.get("consistency-token") ?? "", prefer: "wait=10" };
    assertEquals((await service.send(`/views/account_balances/a`, { headers: after })).body.owner, url);
    await service.send(`/views/${encodeURIComponent(url)}?x=${encodeURIComponent(url)}`, { headers });
    // Connections are taken in the order in which they came: nobody was before this one.
    using own = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    using first = await listener.accept();
    assertEquals(first.remoteAddr, own.localAddr);
  });
});
