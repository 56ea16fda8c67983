import { z } from "zod";
import { isLoopback } from "../../core/engine/loopback.ts";
import { StartError } from "../../core/ports/plugin.ts";

const name = z.string().regex(/^.{1,500}$/s, "expected 1 to 500 characters");
const refreshMs = "expected milliseconds from 100 to 86400000";

/** The environment variables that say whose tokens are taken, and how they are checked. */
export const config = z.object({
  /** Only `jwt` matters here; the doors know the others. */
  AUTH: z.string().optional(),
  JWT_ISSUER: name.optional(),
  JWT_AUDIENCE: name.optional(),
  /** A file with a public key in PEM. */
  JWT_KEY_FILE: name.optional(),
  /** A file with a secret that signer and service share. */
  JWT_SECRET_FILE: name.optional(),
  JWKS_URL: z.string().transform((text, context) => {
    const url = URL.parse(text);
    const isPlain = url?.username === "" && url.password === "";
    if (url !== null && isPlain && (url.protocol === "https:" || isLoopbackHttp(url))) return url;
    context.addIssue("expected an https URL without a password in it, or an http one of this machine");
    return z.NEVER;
  }).optional(),
  JWKS_REFRESH_MS: z.string().regex(/^[0-9]{1,8}$/, refreshMs).default("300000").transform(Number)
    .refine((value) => value >= 100 && value <= 86_400_000, refreshMs),
});

export type Config = z.output<typeof config>;

export type Settings = {
  readonly issuer: string;
  readonly audience: string;
  readonly keys:
    | { readonly from: "secret" | "public_key"; readonly path: string }
    | { readonly from: "key_set"; readonly url: URL; readonly refreshMs: number };
};

/** Undefined where no tokens are asked for. Throws a `StartError`. */
export function settingsOf(config: Config): Settings | undefined {
  const { AUTH, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config;
  const sources = (["JWT_KEY_FILE", "JWT_SECRET_FILE", "JWKS_URL"] as const).filter((each) => config[each]);
  if (AUTH !== "jwt") {
    // Whoever names keys means to shut the door, and must not find it open.
    if (sources.length === 0 && issuer === undefined && audience === undefined) return undefined;
    throw new StartError("JWT_* and JWKS_URL are of no use without AUTH=jwt; set it, or leave them out");
  }
  if (issuer === undefined || audience === undefined) {
    throw new StartError("AUTH=jwt needs JWT_ISSUER and JWT_AUDIENCE: what iss and aud of a token must say; set both");
  }
  if (sources.length !== 1) {
    const found = sources.length === 0 ? "none" : sources.join(" and ");
    throw new StartError(`AUTH=jwt needs one of JWT_KEY_FILE, JWT_SECRET_FILE and JWKS_URL; found ${found}`);
  }
  return { issuer, audience, keys: keysOf(config) };
}

function keysOf(config: Config): Settings["keys"] {
  const { JWKS_URL: url, JWT_KEY_FILE, JWT_SECRET_FILE, JWKS_REFRESH_MS } = config;
  if (url !== undefined) return { from: "key_set", url, refreshMs: JWKS_REFRESH_MS };
  if (JWT_KEY_FILE !== undefined) return { from: "public_key", path: JWT_KEY_FILE };
  return { from: "secret", path: JWT_SECRET_FILE ?? "" };
}

function isLoopbackHttp({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && isLoopback(hostname);
}
