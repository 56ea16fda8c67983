import { createPublicKey } from "node:crypto";
import type { JSONWebKeySet, JWK } from "jose";
import { z } from "zod";
import type { Runtime } from "../../core/ports/runtime.ts";
import { algorithmsOf } from "./key_file.ts";

const TIMEOUT_MS = 5_000;
const BYTES_MAX = 256 * 1024;
const text = z.string().exactOptional();
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string(), use: text, alg: text })) });

/**
 * The keys at the URL that check signatures: of the kinds that a key file may hold, and at least one. Rejects with what
 * an operator can act on; follows no redirect.
 */
export async function fetchKeys(
  url: URL,
  { runtime, signal }: { readonly runtime: Runtime; readonly signal: AbortSignal },
): Promise<JSONWebKeySet> {
  const given = new AbortController();
  const late = runtime.sleep(TIMEOUT_MS, { signal: given.signal }).then(() => {
    given.abort(new Error(`no answer within ${TIMEOUT_MS} ms`));
  }, () => {});
  try {
    const signals = AbortSignal.any([given.signal, signal]);
    const response = await fetch(url, { redirect: "error", signal: signals, headers: { accept: "application/json" } });
    const text = await readText(response);
    if (response.status !== 200) throw new Error(`the answer was ${response.status}`);
    return { keys: checkingKeys(text) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot fetch ${url.origin}${url.pathname}: ${why}`, { cause: error });
  } finally {
    given.abort();
    await late;
  }
}

async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > BYTES_MAX) throw new Error(`the answer has more than ${BYTES_MAX} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function checkingKeys(text: string) {
  const { success, data } = keySet.safeParse(parse(text));
  if (!success) throw new Error("the answer is no JSON Web Key Set");
  const keys = data.keys.filter(canCheck);
  if (keys.length === 0) throw new Error("the key set holds no public key for signatures");
  return keys;
}

/** Not what is secret, serves another purpose, is weak or cannot be read. */
function canCheck(key: JWK): boolean {
  const { use, alg, d } = key;
  if (d !== undefined || use !== undefined && use !== "sig") return false;
  try {
    const algorithms = algorithmsOf(createPublicKey({ key, format: "jwk" }));
    return algorithms.length > 0 && (alg === undefined || algorithms.includes(alg));
  } catch {
    return false;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
