import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { exportJWK, type JWK, SignJWT } from "jose";

export const ISSUER = "https://issuer.test";
export const AUDIENCE = "annals";
const HOUR_SECONDS = 3_600;

export type SigningKey = { readonly kid: string; readonly alg: string; readonly key: KeyObject; readonly pem: string };

export type Claims = {
  readonly sub?: string | undefined;
  readonly iss?: string | undefined;
  readonly aud?: string | undefined;
  /** Seconds from now; undefined: for ever. */
  readonly expiresIn?: number | undefined;
  readonly more?: Readonly<Record<string, unknown>>;
};

export function signingKey(kid: string, alg: "RS256" | "ES256" | "EdDSA" = "ES256"): SigningKey {
  const { privateKey: key, publicKey } = alg === "RS256"
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : alg === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("ed25519");
  return { kid, alg, key, pem: publicKey.export({ type: "spki", format: "pem" }).toString() };
}

/** A token as a careful issuer makes it, but for what is said. */
export async function tokenOf(
  { kid, alg, key }: { readonly kid?: string; readonly alg: string; readonly key: KeyObject | Uint8Array },
  claims: Claims = {},
): Promise<string> {
  const all = { sub: "alice", iss: ISSUER, aud: AUDIENCE, expiresIn: HOUR_SECONDS, more: {}, ...claims };
  const nowSeconds = Math.floor(Date.now() / 1000);
  const { sub, iss, aud, expiresIn, more } = all;
  const exp = expiresIn === undefined ? undefined : nowSeconds + expiresIn;
  const named = Object.entries({ sub, iss, aud, exp, iat: nowSeconds, ...more }).filter(([, value]) =>
    value !== undefined
  );
  return await new SignJWT(Object.fromEntries(named)).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .sign(key);
}

/** A server of a key set, which can be told what to answer. */
export class Issuer implements AsyncDisposable {
  keys: readonly SigningKey[];
  /** Instead of the keys. */
  fault: (() => Response | Promise<Response>) | undefined;
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(keys: readonly SigningKey[]) {
    this.keys = keys;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async () => {
      this.requests += 1;
      return this.fault === undefined ? Response.json({ keys: await publicKeys(this.keys) }) : await this.fault();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/jwks.json`;
  }

  /** What a service that trusts it is started with. */
  get environment(): Readonly<Record<string, string>> {
    return { ...TRUSTING, JWKS_URL: this.url };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}

export const TRUSTING = { AUTH: "jwt", JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function publicKeys(keys: readonly SigningKey[]): Promise<JWK[]> {
  return Promise.all(keys.map(async ({ key, kid, alg }) => {
    const { d: _, dp: _dp, dq: _dq, p: _p, q: _q, qi: _qi, ...jwk } = await exportJWK(key);
    return { ...jwk, kid, alg, use: "sig" };
  }));
}
