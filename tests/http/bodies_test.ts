import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { assertProblem, openService, type Sending, sendRaw, type Service } from "./rig.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const LIMIT_BYTES = 256 * 1024;

const LATIN_1 = Uint8Array.from(JSON.stringify({ ...OPEN, owner: "René" }), (character) => character.charCodeAt(0));

/** Each: what is sent to a new account, and the problem it is; nothing of it may be stored. */
const REFUSED: readonly (readonly [name: string, sending: Sending, status: number, type: string])[] = [
  ["an empty body", { body: "" }, 400, "malformed_json"],
  ["half a body", { body: '{"type":' }, 400, "malformed_json"],
  ["a trailing comma", { body: '{"type":"Deposit",}' }, 400, "malformed_json"],
  ["invalid UTF-8", { body: LATIN_1 }, 400, "malformed_json"],
  ["a list", { body: [OPEN] }, 422, "invalid_body"],
  ["null", { body: "null" }, 422, "invalid_body"],
  ["a number", { body: "1" }, 422, "invalid_body"],
  ["no type", { body: { owner: "Alice" } }, 422, "unknown_command"],
  ["a type of the wrong type", { body: { ...OPEN, type: 1 } }, 422, "unknown_command"],
  ["an unknown type", { body: { ...OPEN, type: "toString" } }, 422, "unknown_command"],
  ["the event's name", { body: { ...OPEN, type: "AccountOpened" } }, 422, "unknown_command"],
  ["a missing field", { body: { type: "OpenAccount", owner: "Alice" } }, 422, "invalid_body"],
  ["a wrong type", { body: { ...OPEN, initial_balance: "100" } }, 422, "invalid_body"],
  [
    "a number beyond doubles",
    { body: '{"type":"OpenAccount","owner":"A","initial_balance":1e400}' },
    422,
    "invalid_body",
  ],
  ["an unknown field", { body: { ...OPEN, vip: true } }, 422, "invalid_body"],
  ["a field the server sets", { body: { ...OPEN, version: 7 } }, 422, "invalid_body"],
  ["a text over its length", { body: { ...OPEN, owner: "x".repeat(501) } }, 422, "invalid_body"],
  ["__proto__", { body: '{"type":"OpenAccount","owner":"A","initial_balance":1,"__proto__":{}}' }, 422, "invalid_body"],
  ["constructor", { body: { ...OPEN, constructor: 1 } }, 422, "invalid_body"],
  ["33 levels", { body: `{"a":${"[".repeat(32)}${"]".repeat(32)}}` }, 422, "invalid_body"],
  ["the deepest body", { body: "[".repeat(131_072) + "]".repeat(131_072) }, 422, "invalid_body"],
  [
    "10,001 keys",
    { body: Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`k${at}`, 0])) },
    422,
    "invalid_body",
  ],
  ["a byte too many", { body: JSON.stringify(OPEN).padEnd(LIMIT_BYTES + 1) }, 413, "payload_too_large"],
  ["no media type", { body: new Uint8Array(2), headers: { "content-type": "" } }, 415, "unsupported_media_type"],
  ["text", { body: OPEN, headers: { "content-type": "text/plain" } }, 415, "unsupported_media_type"],
  [
    "JSON of another kind",
    { body: OPEN, headers: { "content-type": "application/json-patch+json" } },
    415,
    "unsupported_media_type",
  ],
  ["a compressed body", { body: OPEN, headers: { "content-encoding": "gzip" } }, 415, "unsupported_media_type"],
  ["a weak If-Match", { body: OPEN, headers: { "if-match": 'W/"1"' } }, 400, "invalid_header"],
  ["an Idempotency-Key with a space", { body: OPEN, headers: { "idempotency-key": "a b" } }, 400, "invalid_header"],
  ["a malformed X-Correlation-Id", { body: OPEN, headers: { "x-correlation-id": "abc" } }, 400, "invalid_header"],
  ["If-Match on nothing", { body: OPEN, headers: { "if-match": "*" } }, 412, "precondition_failed"],
  ["a broken rule", { body: { ...OPEN, owner: " " } }, 422, "account/empty_owner"],
  ["an illegal order", { body: { type: "Deposit", amount: 1 } }, 422, "account/account_not_open"],
];

describe("a body over HTTP", () => {
  let service: Service;
  beforeAll(async () => {
    service = await openService({ environment: { BODY_TIMEOUT_MS: "300" } });
  });
  afterAll(() => service.app.stop());

  REFUSED.forEach(([name, sending, status, type], at) => {
    it(`of ${name} is ${type}, and nothing is stored`, async () => {
      assertProblem(await service.send(`/accounts/refused-${at}`, sending), status, type);
      assertProblem(await service.send(`/accounts/refused-${at}/events`), 404, "not_found");
      assertProblem(await service.send(`/views/account_balances/refused-${at}`), 404, "not_found");
    });
  });

  it("may have a media type with parameters, and the bytes of the limit or one less", async () => {
    const headers = { "content-type": "Application/JSON ; charset=utf-8" };
    for (const bytes of [LIMIT_BYTES - 1, LIMIT_BYTES]) {
      const body = JSON.stringify(OPEN).padEnd(bytes);
      assertEquals((await service.send(`/accounts/full-${bytes}`, { body, headers })).status, 201);
    }
  });

  it("is told where it is wrong", async () => {
    const { body } = await service.send("/accounts/a", { body: { ...OPEN, owner: 1, "a/b": 2 } });
    const { errors } = body as { errors: { pointer: string }[] };
    assertEquals(errors.map(({ pointer }) => pointer).sort(), ["#/a~1b", "#/owner"]);
  });

  it("without a known type is told which there are", async () => {
    assertStringIncludes(String((await service.send("/accounts/a", { body: {} })).body.detail), "OpenAccount, Deposit");
    const created = await service.send("/accounts", { body: { type: "Deposit", amount: 1 } });
    assertProblem(created, 422, "unknown_command");
    assertEquals(created.body.detail, "Expected one of OpenAccount");
  });

  const head = "POST /accounts/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  for (
    const [name, rest] of [
      ["shorter than its Content-Length", `Content-Length: 99\r\n\r\n{"type":`],
      ["chunked that never ends", `Transfer-Encoding: chunked\r\n\r\n8\r\n{"type":\r\n`],
    ]
  ) {
    it(`${name} is given up in time`, async () => {
      const startedMs = performance.now();
      assertMatch(await sendRaw(service.url, head + rest, "body_timeout"), /^HTTP\/1\.1 408 .*body_timeout/s);
      assertLess(performance.now() - startedMs, 5_000);
      assertProblem(await service.send("/accounts/slow/events"), 404, "not_found");
    });
  }

  it("that the client abandons leaves no trace", async () => {
    const { hostname, port } = new URL(service.url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(`${head}Content-Length: 99\r\n\r\n{"type":`));
    connection.close();
    assertEquals((await service.send("/livez")).status, 200);
    assertEquals(service.lines.filter((line) => line.startsWith("error")), []);
  });

  it("over the limit is refused by its length alone, and in chunks once it passes", async () => {
    const byLength = await sendRaw(service.url, `${head}Content-Length: 262145\r\n\r\n`, "payload_too_large");
    assertMatch(byLength, /^HTTP\/1\.1 413 .*payload_too_large/s);
    const chunk = `10000\r\n${" ".repeat(65_536)}\r\n`;
    const inChunks = `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(5)}`;
    assertMatch(await sendRaw(service.url, inChunks, "payload_too_large"), /^HTTP\/1\.1 413 .*payload_too_large/s);
  });

  it("in chunks is taken like any other", async () => {
    const text = JSON.stringify(OPEN);
    const chunks = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    const answer = await sendRaw(
      service.url,
      head.replace("slow", "chunked") + `Transfer-Encoding: chunked\r\n\r\n${chunks}`,
    );
    assert(answer.startsWith("HTTP/1.1 201 "), answer);
  });
});

describe("a body at the operator's door", () => {
  const PAUSE = "/operations/subscriptions/pause";
  const ORDER = { subscription: "account_balances_v1", reason: "night" };
  const head = `POST ${PAUSE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
  const whole = JSON.stringify(ORDER);

  it("is held to the same time and size, and changes nothing unless it is taken", async () => {
    await using service = await openService({ environment: { BODY_TIMEOUT_MS: "300" } });
    const { operatorUrl } = service;
    const deep = JSON.parse("[".repeat(32) + "]".repeat(32));
    const keys = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`k${at}`, 0]));
    const refused: readonly (readonly [body: unknown, status: number, type: string, why: string])[] = [
      [whole.padEnd(LIMIT_BYTES + 1), 413, "payload_too_large", `at most ${LIMIT_BYTES} bytes`],
      [{ ...ORDER, by: deep }, 422, "invalid_body", "deeper than 32 levels"],
      [{ ...ORDER, by: keys }, 422, "invalid_body", "at most 10000 keys"],
      ["[".repeat(131_072) + "]".repeat(131_072), 422, "invalid_body", "deeper than 32 levels"],
    ];
    for (const [body, status, type, why] of refused) {
      const answer = await service.send(PAUSE, { body, operator: true });
      assertProblem(answer, status, type);
      assertStringIncludes(answer.text, why);
    }
    // All of the order is there, and more was announced.
    for (
      const rest of [
        `Content-Length: 99\r\n\r\n${whole}`,
        `Transfer-Encoding: chunked\r\n\r\n${whole.length.toString(16)}\r\n${whole}\r\n`,
      ]
    ) assertMatch(await sendRaw(operatorUrl, head + rest, "body_timeout"), /^HTTP\/1\.1 408 .*body_timeout/s);
    const byLength = `${head}Content-Length: ${LIMIT_BYTES + 1}\r\n\r\n${whole}`;
    assertMatch(await sendRaw(operatorUrl, byLength, "payload_too_large"), /^HTTP\/1\.1 413 .*payload_too_large/s);
    assertEquals((await service.send("/operations/audit", { operator: true })).body.items, []);
    assertEquals((await service.send(PAUSE, { body: whole.padEnd(LIMIT_BYTES), operator: true })).body.paused, true);
  });
});
