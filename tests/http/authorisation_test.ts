import { assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Module } from "annals";
import { operationRef } from "../../core/ports/operation.ts";
import type { Plugin } from "../../core/ports/plugin.ts";
import { assetRef } from "../../core/ports/telemetry.ts";
import { dataPlugins } from "../../main.ts";
import account from "../../modules/account/mod.ts";
import { httpRef } from "../../plugins/http/mod.ts";
import { bearer, Issuer, signingKey, tokenOf } from "./issuer.ts";
import { assertProblem, openService, type Service } from "./rig.ts";

const OPERATOR_TOKEN = "the-operators-own-token-0123456789";
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const DEPOSIT = { type: "Deposit", amount: 1 };

/** What a route gives away, a path of it, and how the right token is answered there. */
type Line = {
  readonly kind: "data" | "document" | "health" | "operation";
  readonly path: string;
  readonly body?: unknown;
  readonly status?: number;
  /** Live streams do not end. */
  readonly method?: "HEAD";
};

/** Every route of the public door. A new one needs a line. */
const PUBLIC: Readonly<Record<string, Line>> = {
  "POST /accounts": { kind: "data", path: "/accounts", body: OPEN, status: 201 },
  "POST /accounts/:id": { kind: "data", path: "/accounts/a", body: DEPOSIT },
  "GET /accounts/:id": { kind: "data", path: "/accounts/a" },
  "GET /accounts/:id/events": { kind: "data", path: "/accounts/a/events" },
  "GET /topics/account-events": { kind: "data", path: "/topics/account-events", method: "HEAD" },
  "GET /views/account_balances": { kind: "data", path: "/views/account_balances" },
  "GET /views/account_balances/:key": { kind: "data", path: "/views/account_balances/nobody", status: 404 },
  "GET /problems/:code": { kind: "document", path: "/problems/forbidden" },
  "GET /problems/:module/:code": { kind: "document", path: "/problems/account/empty_owner" },
  "GET /openapi.json": { kind: "document", path: "/openapi.json" },
  "GET /docs": { kind: "document", path: "/docs" },
  "GET /docs/:file": { kind: "document", path: "/docs/start.js" },
  "GET /livez": { kind: "health", path: "/livez" },
  "GET /readyz": { kind: "health", path: "/readyz" },
};

/** What the operator's door has besides. */
const OPERATOR: Readonly<Record<string, Line>> = {
  "GET /health": { kind: "operation", path: "/health" },
  "GET /metrics": { kind: "operation", path: "/metrics" },
  "GET /operations/audit": { kind: "operation", path: "/operations/audit" },
  "GET /operations/dead-letters": { kind: "operation", path: "/operations/dead-letters" },
  "GET /operations/dead-letters/entry": { kind: "operation", path: "/operations/dead-letters/entry", status: 400 },
  "GET /operations/dead-letters/redrive": { kind: "operation", path: "/operations/dead-letters/redrive" },
  "GET /operations/dead-letters/statistics": { kind: "operation", path: "/operations/dead-letters/statistics" },
  "GET /operations/subscriptions": { kind: "operation", path: "/operations/subscriptions" },
  ...posted("/operations/dead-letters/redrive"),
  ...posted("/operations/dead-letters/redrive/cancel"),
  ...posted("/operations/dead-letters/skip"),
  ...posted("/operations/subscriptions/pause"),
  ...posted("/operations/subscriptions/resume"),
};

const DOORS = [["public", PUBLIC], ["operator", { ...OPERATOR, ...PUBLIC }]] as const;

/** Only Alice and the operator may do anything. */
const guarded: Module = {
  ...account as Module,
  allow: ({ sub }) => ["alice", "operator"].includes(sub),
  allowRead: ({ sub }) => ["alice", "operator"].includes(sub),
};

describe("who may do what", () => {
  const key = signingKey("one");
  let issuer: Issuer;
  let service: Service;
  let tokens: Readonly<Record<string, string | undefined>>;
  beforeAll(async () => {
    issuer = new Issuer([key]);
    const environment = { ...issuer.environment, OPERATOR_TOKEN };
    service = await openService({ environment, modules: [guarded] });
    tokens = await everyToken();
    await service.send("/accounts/a", { body: OPEN, headers: bearer(tokens.right ?? "") });
  });
  afterAll(async () => {
    await service.app.stop();
    await issuer[Symbol.asyncDispose]();
  });

  const everyToken = async () => ({
    "no": undefined,
    "a malformed": "not.a.token",
    "an expired": await tokenOf(key, { expiresIn: -60 }),
    "an endless": await tokenOf(key, { expiresIn: undefined }),
    "a wrong-audience": await tokenOf(key, { aud: "others" }),
    "a wrong-issuer": await tokenOf(key, { iss: "https://others.test" }),
    "a wrong-algorithm": await tokenOf({ kid: key.kid, alg: "HS256", key: new TextEncoder().encode(key.pem) }),
    "an unsigned": unsigned(),
    "a foreign": await tokenOf({ ...signingKey("one") }),
    "another principal's": await tokenOf(key, { sub: "bob" }),
    "right": await tokenOf(key),
    "the operator's": OPERATOR_TOKEN,
  });

  it("is said of every route of both doors, and of no other", () => {
    const { routes } = service.app.service(httpRef);
    for (const [door, lines] of DOORS) assertEquals([...routes[door]].sort(), Object.keys(lines).sort(), door);
  });

  it("is said of every plugin's routes: those that only a cluster or a broker has add none", async () => {
    const plugins = await dataPlugins({ SCYLLA_NODES: "127.0.0.1:9042", REDPANDA_BROKERS: "127.0.0.1:9092" });
    const served = [assetRef, operationRef].map(({ ref }) => ref);
    const refsOf = ({ provides }: Plugin) => Object.values(provides).map(({ ref }) => ref);
    for (const plugin of plugins) assertEquals(refsOf(plugin).filter((ref) => served.includes(ref)), [], plugin.name);
  });

  for (const [door, lines] of DOORS) {
    for (const [route, { kind, path, body, status = 200, method }] of Object.entries(lines)) {
      it(`holds for ${route} on the ${door} door`, async () => {
        for (const [name, token] of Object.entries(tokens)) {
          const headers = token === undefined ? {} : bearer(token);
          const sending = { headers, body, operator: door === "operator", ...(method === undefined ? {} : { method }) };
          const answer = await service.send(path, sending);
          const expected = expectedStatus({ door, kind, name, status });
          assertEquals(answer.status, expected, `${name} token: ${answer.text}`);
          if (expected === 401) assertMatch(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
          if (expected === 403 && method === undefined) assertProblem(answer, 403, "forbidden");
        }
      });
    }
  }

  it("is asked before a body is read, a rule is told or an id is looked at", async () => {
    for (const [path, body] of [["/accounts/a", "{"], ["/accounts/...", OPEN], ["/accounts/a?x=1", OPEN]] as const) {
      assertProblem(await service.send(path, { body }), 401, "unauthenticated");
    }
  });

  it("puts the subject into what is stored, and a key into one's own hands", async () => {
    const headers = { ...bearer(tokens.right ?? ""), "idempotency-key": "k-1" };
    const operators = { ...bearer(OPERATOR_TOKEN), "idempotency-key": "k-1" };
    await service.send("/accounts/b", { body: OPEN, headers });
    await service.send("/accounts/b", { body: DEPOSIT, headers: { ...headers, "idempotency-key": "k-2" } });
    const other = await service.send("/accounts/b", { body: DEPOSIT, headers: operators, operator: true });
    assertEquals([other.status, other.headers.get("idempotent-replayed")], [200, null]);
    const { body } = await service.send("/accounts/b/events", { headers });
    const users = (body.items as { user_id: unknown }[]).map(({ user_id }) => user_id);
    assertEquals(users, ["alice", "alice", "operator"]);
  });
});

describe("the operator's door without a token", () => {
  it("wants for data what the public door wants, and is the operator's for the rest", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: issuer.environment, modules: [guarded] });
    const operator = true;
    assertProblem(await service.send("/accounts/a", { operator }), 401, "unauthenticated");
    const headers = bearer(await tokenOf(key));
    assertProblem(await service.send("/accounts/a", { operator, headers }), 404, "not_found");
    for (const path of ["/metrics", "/openapi.json"]) {
      assertEquals((await service.send(path, { operator })).status, 200);
    }
  });
});

/** An operation that is let in, and then wants more than was sent. */
function posted(path: string): Readonly<Record<string, Line>> {
  return { [`POST ${path}`]: { kind: "operation", path, body: { no: "such member" }, status: 422 } };
}

function expectedStatus(
  { door, kind, name, status }: { door: string; kind: Line["kind"]; name: string; status: number },
): number {
  if (kind === "health") return 200;
  if (door === "operator") return name === "the operator's" ? status : 401;
  if (kind === "document" || name === "right") return status;
  return name === "another principal's" ? 403 : 401;
}

/** What every library once took: a token that says of itself that it needs no signature. */
function unsigned(): string {
  const part = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url" });
  const claims = { sub: "alice", iss: "https://issuer.test", aud: "annals", exp: 4e9 };
  return `${part({ alg: "none" })}.${part(claims)}.`.replaceAll("=", "");
}
