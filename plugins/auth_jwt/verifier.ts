import { hash } from "node:crypto";
import { type CryptoKey, errors, type JWTHeaderParameters, jwtVerify, type KeyObject } from "jose";
import { LRUCache } from "lru-cache";
import type { Fields } from "../../core/model/message.ts";
import { ANONYMOUS, type Authentication, type Authenticator, OPERATOR } from "../../core/ports/authenticator.ts";
import type { Runtime } from "../../core/ports/runtime.ts";

/** What signatures are checked with: never an algorithm that the token alone chose. */
export type Keys = {
  readonly algorithms: readonly string[];
  /** The key that a token names. Throws `KeysUnavailable` while there are none. */
  find(header: JWTHeaderParameters): CryptoKey | KeyObject | Promise<CryptoKey | KeyObject>;
};

export type VerifierParts = {
  readonly keys: Keys;
  readonly issuer: string;
  readonly audience: string;
  readonly runtime: Runtime;
};

export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

type Known = Extract<Authentication, { readonly is: "authenticated" }>;

const TOKEN_LENGTH_MAX = 8_192;
const SUBJECT_LENGTH_MAX = 255;
const KNOWN_MAX = 10_000;
/** How far the clocks of issuer and service may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;
const RESERVED_SUBJECTS: readonly string[] = [ANONYMOUS.sub, OPERATOR.sub];
const EXPIRED = refused("the token has expired");
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ERR_JWT_EXPIRED", EXPIRED.reason],
  ["ERR_JOSE_ALG_NOT_ALLOWED", "the algorithm is not one that the service takes"],
  ["ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "the signature does not match"],
  ["ERR_JWKS_NO_MATCHING_KEY", "no known key fits the token"],
  ["ERR_JWKS_MULTIPLE_MATCHING_KEYS", "the token must name its key by kid"],
  ["ERR_JWS_INVALID", "it is no JWT"],
  ["ERR_JWT_INVALID", "it is no JWT"],
]);

/**
 * JSON Web Tokens as RFC 8725 has them checked: signature, `exp`, `iss`, `aud` and `sub` are demanded. What was found
 * of a token is kept, by its hash, until the token expires or the keys change.
 */
export class Verifier implements Authenticator {
  readonly #parts: VerifierParts;
  #known = new LRUCache<string, Known>({ max: KNOWN_MAX });

  constructor(parts: VerifierParts) {
    this.#parts = parts;
  }

  known(token: string): Authentication | undefined {
    if (token.length > TOKEN_LENGTH_MAX) return refused(`it is longer than ${TOKEN_LENGTH_MAX} characters`);
    const known = this.#known.get(digestOf(token));
    if (known === undefined) return undefined;
    return this.#parts.runtime.now() < known.untilMs ? known : EXPIRED;
  }

  authenticate(token: string): Authentication | Promise<Authentication> {
    return this.known(token) ?? this.#verify(token);
  }

  /** What other keys said holds no longer. */
  forget(): void {
    this.#known = new LRUCache({ max: KNOWN_MAX });
  }

  async #verify(token: string): Promise<Authentication> {
    const { keys, issuer, audience, runtime } = this.#parts;
    const known = this.#known;
    try {
      const { payload } = await jwtVerify(token, (header) => keys.find(header), {
        algorithms: [...keys.algorithms],
        issuer,
        audience,
        requiredClaims: ["exp", "sub"],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(runtime.now()),
      });
      const { sub, exp } = payload;
      if (exp === undefined || !isSubject(sub)) return refused("the claim sub is not one that the service takes");
      const untilMs = (exp + CLOCK_TOLERANCE_SECONDS) * 1000;
      const found: Known = { is: "authenticated", principal: { sub, claims: payload as Fields }, untilMs };
      known.set(digestOf(token), found);
      return found;
    } catch (error) {
      return error instanceof KeysUnavailable ? { is: "unavailable" } : refused(reasonOf(error));
    }
  }
}

function digestOf(token: string): string {
  return hash("sha256", token, "base64");
}

function isSubject(sub: unknown): sub is string {
  return typeof sub === "string" && sub.length > 0 && sub.length <= SUBJECT_LENGTH_MAX &&
    !RESERVED_SUBJECTS.includes(sub);
}

/** From a fixed set: a token's own text is not sent back. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `the claim ${error.claim} is not as expected`;
  const code = error instanceof errors.JOSEError ? error.code : "";
  return REASONS.get(code) ?? "the token cannot be checked";
}

function refused(reason: string) {
  return { is: "refused", reason } as const;
}
