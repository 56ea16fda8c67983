import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { type Hostile, hostile } from "./hostile.ts";
import { bearer, Issuer, signingKey, tokenOf } from "./issuer.ts";
import { usedBytes } from "../contract/memory.ts";
import { openService, sendRaw, type Service } from "./rig.ts";
import { within } from "../contract/surroundings.ts";

const CASES = Number(Deno.env.get("HOSTILE_CASES") ?? 10_000);
const AT_ONCE = 50;
const HANGS_AFTER_MS = 5_000;
const GROWTH_BYTES = 64 * 1024 * 1024;
/** Of all modules, outcomes and subscriptions there are; one for each of so many paths would be far more. */
const SERIES_MAX = 300;
const GUARDED = {
  TRUSTED_PROXIES: "127.0.0.1",
  CORS_ORIGINS: "https://shop.example",
  RATE_LIMIT: "1000/1",
  RATE_LIMIT_GLOBAL: "2000/1",
};

describe(`${CASES} hostile requests`, () => {
  it("are answered in time, without a fault, and store nothing but what was acknowledged", async () => {
    await using service = await openService();
    await attack(service, hostile);
  });

  it("are so where there are tokens, proxies, other origins and limits, too", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: { ...issuer.environment, ...GUARDED } });
    const token = bearer(await tokenOf(key));
    await attack(service, hostile.map(({ headers, ...more }) => ({ headers: { ...token, ...headers }, ...more })));
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

async function attack(service: Service, requests: fc.Arbitrary<Hostile>): Promise<void> {
  await sendAll(service, fc.sample(requests, 1_000));
  const before = { bytes: await usedBytes(), ...await countsOf(service) };
  let acknowledged = 0;
  const property = fc.asyncProperty(
    fc.array(requests, { minLength: AT_ONCE, maxLength: AT_ONCE }),
    async (requests) => {
      acknowledged += await sendAll(service, requests);
    },
  );
  await fc.assert(property, { numRuns: Math.ceil(CASES / AT_ONCE), endOnFailure: true });
  assertEquals((await countsOf(service)).appended - before.appended, acknowledged);
  assertEquals(service.lines.filter((line) => line.startsWith("error")), []);
  assertLess(await seriesOf(service), SERIES_MAX);
  assertLess(await usedBytes(), before.bytes + GROWTH_BYTES);
}

/** How many events were acknowledged. */
async function sendAll(service: Service, requests: readonly Hostile[]): Promise<number> {
  const counts = await Promise.all(requests.map((request) => send(service, request)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function send({ url }: Service, { path, ...request }: Hostile): Promise<number> {
  const response = await fetch(url + path, {
    ...request,
    body: request.body as BodyInit,
    redirect: "manual",
    signal: AbortSignal.timeout(HANGS_AFTER_MS),
  });
  const { status, headers } = response;
  if (headers.get("content-type") === "text/event-stream") {
    await response.body?.cancel();
    return 0;
  }
  const text = await response.text();
  // What waits for a view to show what was never written is told so.
  assert(status < 500 || /view_behind/.test(text), `${status} to ${JSON.stringify({ path, ...request })}: ${text}`);
  const isNew = request.method === "POST" && status < 300 && !headers.has("idempotent-replayed");
  return isNew ? JSON.parse(text).events.length : 0;
}

async function seriesOf(service: Service): Promise<number> {
  const { text } = await service.send("/metrics", { operator: true });
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
}

async function countsOf(service: Service): Promise<{ readonly appended: number }> {
  const { text } = await service.send("/metrics", { operator: true });
  const counts = [...text.matchAll(/^events_appended_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
  return { appended: counts.reduce((sum, count) => sum + count, 0) };
}
