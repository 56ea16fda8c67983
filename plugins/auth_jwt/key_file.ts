import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { StartError } from "../../core/ports/plugin.ts";
import type { Keys } from "./verifier.ts";

const RSA_BITS_MIN = 2048;
/** The shortest secret of each algorithm (RFC 7518, 3.2). */
const SECRET_BYTES_MIN = { HS256: 32, HS384: 48, HS512: 64 } as const;
/** By node's names of the curves. */
const CURVES: Readonly<Record<string, string>> = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" };

/** A secret for HMAC, and never a key in disguise. Throws a `StartError`. */
export async function readSecret(path: string): Promise<Keys> {
  const text = (await readText(path, "JWT_SECRET_FILE")).replace(/\r?\n$/, "");
  if (text.includes("-----BEGIN")) {
    throw new StartError(`JWT_SECRET_FILE=${path} holds a key in PEM, which is no secret; set JWT_KEY_FILE instead`);
  }
  const secret = new TextEncoder().encode(text);
  const algorithms = Object.entries(SECRET_BYTES_MIN).filter(([, min]) => secret.length >= min).map(([each]) => each);
  if (algorithms.length === 0) {
    const { HS256: min } = SECRET_BYTES_MIN;
    throw new StartError(
      `JWT_SECRET_FILE=${path} holds ${secret.length} bytes, expected ${min} or more; make one by openssl rand -hex 32`,
    );
  }
  const key = createSecretKey(secret);
  return { algorithms, find: () => key };
}

/** A public key, with the algorithms of its kind. Throws a `StartError`. */
export async function readPublicKey(path: string): Promise<Keys> {
  const text = await readText(path, "JWT_KEY_FILE");
  if (text.includes("PRIVATE KEY")) {
    throw new StartError(`JWT_KEY_FILE=${path} holds a private key; give the service the public one only`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch (cause) {
    throw new StartError(`JWT_KEY_FILE=${path} holds no public key in PEM`, { cause });
  }
  const algorithms = algorithmsOf(key);
  if (algorithms.length > 0) return { algorithms, find: () => key };
  throw new StartError(
    `JWT_KEY_FILE=${path} holds another kind of key; expected RSA of at least ${RSA_BITS_MIN} bits, Ed25519 or a ` +
      `curve of ${Object.keys(CURVES).join(", ")}`,
  );
}

/** Those that a key of its kind checks; none where the service takes no such key. */
export function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails;
  if (asymmetricKeyType === "ed25519") return ["EdDSA", "Ed25519"];
  if (asymmetricKeyType === "ec") return [CURVES[namedCurve] ?? []].flat();
  if (asymmetricKeyType !== "rsa" || modulusLength < RSA_BITS_MIN) return [];
  return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
}

async function readText(path: string, variable: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`Cannot read ${variable}=${path}: ${why}`, { cause });
  }
}
