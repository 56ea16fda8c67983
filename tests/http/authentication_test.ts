import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { StartError } from "../../core/ports/plugin.ts";
import { Contract, type Part } from "./contract.ts";
import { bearer, Issuer, signingKey, tokenOf, TRUSTING } from "./issuer.ts";
import { type Answer, assertProblem, openService } from "./rig.ts";
import { SseReader } from "./sse_reader.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };

describe("a service that asks for tokens", () => {
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    it(`takes those signed by ${alg}, by a key file as by a key set, and no others`, async () => {
      const key = signingKey("one", alg);
      await using issuer = new Issuer([key]);
      await using file = await fileOf(key.pem);
      const token = await tokenOf(key);
      const asSecret = await tokenOf({ kid: "one", alg: "HS256", key: new TextEncoder().encode(key.pem) });
      for (const environment of [issuer.environment, { ...TRUSTING, JWT_KEY_FILE: file.path }]) {
        await using service = await openService({ environment });
        const status = async (token: string) => (await service.send("/accounts/a", { headers: bearer(token) })).status;
        assertEquals([await status(token), await status(token)], [404, 404]);
        assertEquals(await status(asSecret), 401);
        assertEquals(await status(await tokenOf(signingKey("one", alg))), 401);
        assertEquals(await status(`${token.slice(0, -4)}AAAA`), 401);
      }
    });
  }

  it("takes those signed with a shared secret", async () => {
    const secret = "a-secret-of-thirty-two-bytes-or-more";
    await using file = await fileOf(`${secret}\n`);
    await using service = await openService({ environment: { ...TRUSTING, JWT_SECRET_FILE: file.path } });
    const token = await tokenOf({ alg: "HS256", key: new TextEncoder().encode(secret) });
    assertEquals((await service.send("/accounts/a", { headers: bearer(token) })).status, 404);
    const other = await tokenOf({ alg: "HS256", key: new TextEncoder().encode(secret.toUpperCase()) });
    assertEquals((await service.send("/accounts/a", { headers: bearer(other) })).status, 401);
  });

  it("says what is wrong with a token, and not what is in it", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: issuer.environment });
    const cases: [token: string, reason: string][] = [
      [await tokenOf(key, { expiresIn: -60 }), "the token has expired"],
      [await tokenOf(key, { aud: "others" }), "the claim aud is not as expected"],
      [await tokenOf(key, { sub: undefined }), "the claim sub is not as expected"],
      [await tokenOf(key, { sub: "operator" }), "the claim sub is not one that the service takes"],
      ["a.b.c", "it is no JWT"],
      ["x".repeat(8_193), "it is longer than 8192 characters"],
    ];
    for (const [token, reason] of cases) {
      const answer = await service.send("/accounts/a", { headers: bearer(token) });
      assertProblem(answer, 401, "unauthenticated");
      const challenge = `Bearer error="invalid_token", error_description="${reason}"`;
      assertEquals([answer.body.detail, answer.headers.get("www-authenticate")], [reason, challenge]);
    }
    for (const authorization of ["Basic YTpi", "Bearer", "Bearer a b", 'Bearer "a"', "Bearer a, Bearer b"]) {
      const answer = await service.send("/accounts/a", { headers: { authorization } });
      assertEquals([answer.status, answer.headers.get("www-authenticate")], [401, "Bearer"], authorization);
    }
  });

  it("learns of new keys by itself, and keeps the old ones while the issuer is away", async () => {
    const [old, fresh] = [signingKey("old"), signingKey("fresh")];
    await using issuer = new Issuer([old]);
    await using service = await openService({ environment: { ...issuer.environment, JWKS_REFRESH_MS: "500" } });
    const ask = async (key: typeof old, sub: string) =>
      (await service.send("/accounts/a", { headers: bearer(await tokenOf(key, { sub })) })).status;
    assertEquals([await ask(old, "one"), await ask(fresh, "two")], [404, 401]);
    issuer.keys = [fresh];
    while (await ask(fresh, "three") !== 404);
    assertEquals(await ask(old, "one"), 401);
    issuer.fault = () => new Response("gone", { status: 500 });
    let health = await healthOf(service);
    while (health.status !== "warn") health = await healthOf(service);
    assertStringIncludes(health.reason ?? "", "still in use: Cannot fetch http://127.0.0.1:");
    assertEquals(await ask(fresh, "four"), 404);
    assertEquals((await service.send("/readyz")).status, 200);
  });

  it("keeps the keys it has while none of those that it is given checks anything, and says so", async () => {
    const key = signingKey("one");
    const headers = bearer(await tokenOf(key));
    for (const unusable of UNUSABLE) {
      await using issuer = new Issuer([key]);
      await using service = await openService({ environment: { ...issuer.environment, JWKS_REFRESH_MS: "100" } });
      issuer.fault = () => Response.json({ keys: [unusable] });
      const before = issuer.requests;
      while (issuer.requests < before + 2) await service.send("/livez");
      assertEquals((await service.send("/accounts/a", { headers })).status, 404, JSON.stringify(unusable));
      const health = await healthOf(service);
      assertEquals(health.status, "warn");
      assertStringIncludes(health.reason ?? "", "no public key for signatures");
    }
  });

  it("whose keys cannot be had starts, says so, takes nobody, and everybody once they can be", async () => {
    const key = signingKey("one");
    for (const [why, fault] of FAULTS) {
      await using issuer = new Issuer([key]);
      issuer.fault = fault;
      await using service = await openService({ environment: issuer.environment });
      const headers = bearer(await tokenOf(key));
      const refused = await service.send("/accounts/a", { headers });
      assertProblem(refused, 503, "unavailable");
      assertEquals(refused.headers.get("retry-after"), "1");
      assertEquals((await service.send("/readyz")).status, 503);
      assertStringIncludes((await healthOf(service)).reason ?? "", why);
      issuer.fault = undefined;
      while ((await service.send("/readyz")).status !== 200);
      assertEquals((await service.send("/accounts/a", { headers })).status, 404);
    }
  });

  it("ends a live stream when the token of its reader does", async () => {
    const key = signingKey("one");
    await using issuer = new Issuer([key]);
    await using service = await openService({ environment: issuer.environment });
    await service.send("/accounts/a", { body: OPEN, headers: bearer(await tokenOf(key)) });
    // With the tolerance of clocks it holds for one to two seconds from now.
    const headers = bearer(await tokenOf(key, { expiresIn: -3 }));
    for (const path of ["/accounts/a/events", "/topics/account-events"]) {
      await using reader = await SseReader.open(service.url + path, { headers });
      assertEquals(await reader.next(), undefined);
      assertEquals((await service.send(path, { headers, method: "HEAD" })).status, 401);
      headers.authorization = bearer(await tokenOf(key, { expiresIn: -3 })).authorization ?? "";
    }
  });

  it("documents it, validly", async () => {
    await using issuer = new Issuer([signingKey("one")]);
    await using service = await openService({ environment: issuer.environment });
    const contract = new Contract((await service.send("/openapi.json")).body);
    await contract.assertValid();
    const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, ...operation }) as Part & { path: string })
    );
    for (const { path, security, responses } of operations) {
      const isOpen = /^\/(livez|readyz|docs|problems|openapi)/.test(path);
      assertEquals([security !== undefined, "401" in (responses as Part)], [!isOpen, !isOpen], path);
    }
    contract.register();
    const refused = await service.send("/accounts/a", { body: OPEN });
    await contract.assertConforms(refused, { method: "POST", path: "/accounts/{id}" });
  });
});

describe("the start of a service that asks for tokens", () => {
  it("is refused in one line for what does not fit", async () => {
    const cases: [environment: Record<string, string>, says: string][] = [
      [{ AUTH: "jwt" }, "AUTH=jwt needs JWT_ISSUER and JWT_AUDIENCE"],
      [{ ...TRUSTING }, "AUTH=jwt needs one of JWT_KEY_FILE, JWT_SECRET_FILE and JWKS_URL; found none"],
      [{ JWT_ISSUER: "x" }, "of no use without AUTH=jwt"],
      [{ ...TRUSTING, JWT_KEY_FILE: "/nowhere.pem" }, "Cannot read JWT_KEY_FILE=/nowhere.pem"],
      [{ ...TRUSTING, JWKS_URL: "http://issuer.test/" }, "expected an https URL"],
      [{ ...TRUSTING, JWKS_URL: "https://issuer.test/" }, "add issuer.test:443 to --allow-net of the task"],
    ];
    for (const [environment, says] of cases) {
      const { message } = await assertRejects(() => openService({ environment }), StartError);
      assertStringIncludes(message, says);
      assertEquals(message.includes("\n"), false);
    }
  });
});

const jwkOf = (key: KeyObject) => key.export({ format: "jwk" });
const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });

/** Keys that check no signature of a token, though each is some JSON Web Key or looks like one. */
const UNUSABLE: readonly Record<string, unknown>[] = [
  { kty: "oct", k: "c2VjcmV0" },
  { kty: "RSA", use: "sig", alg: "RS256" },
  { kty: "RSA", use: "sig", alg: "RS256", n: "AQAB", e: "AQAB" },
  { kty: "EC", crv: "P-256", x: "AQAB", y: "AQAB" },
  { kty: "OKP", crv: "Ed25519", x: 1 },
  jwkOf(rsa(1024).publicKey),
  { ...jwkOf(rsa(2048).publicKey), use: "enc" },
  { ...jwkOf(rsa(2048).publicKey), alg: "RSA-OAEP-256" },
  jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey),
  jwkOf(generateKeyPairSync("x25519").publicKey),
];

const FAULTS: readonly (readonly [why: string, fault: () => Response])[] = [
  ["the answer was 404", () => new Response("no", { status: 404 })],
  ["no JSON Web Key Set", () => new Response("{")],
  ...UNUSABLE.map((key) => ["no public key for signatures", () => Response.json({ keys: [key] })] as const),
  ["more than 262144 bytes", () => new Response(" ".repeat(262_145))],
  ["redirect", () => Response.redirect("http://127.0.0.1/")],
];

async function healthOf(service: { send(path: string, options: { operator: boolean }): Promise<Answer> }) {
  const { body } = await service.send("/readyz", { operator: true });
  const { auth_jwt: health } = body.checks as Record<string, { status: string; reason?: string }>;
  assert(health !== undefined, "expected the health of auth_jwt, found none");
  return health;
}

async function fileOf(text: string) {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  assertMatch(path, /^\//);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
