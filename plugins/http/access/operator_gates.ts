import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../../../core/engine/loopback.ts";
import { ANONYMOUS, OPERATOR } from "../../../core/ports/authenticator.ts";
import { type Problem, problem } from "../problems.ts";
import { bearerToken, unauthenticated } from "./bearer.ts";
import { admit, type Gate, type Gates } from "./gate.ts";

const AS_OPERATOR = admit(OPERATOR);
const AS_ANYBODY = admit(ANONYMOUS);

/**
 * The operator's door's. With a token every route wants it, and whoever has it is the operator; only health is told to
 * everybody, without reasons. Without one the door is on loopback, where data wants what it wants on the public door.
 */
export function createOperatorGates(
  { token, hostname, unlimitedData }: {
    readonly token: string | undefined;
    /** Where the door listens. */
    readonly hostname: string;
    /** The public door's gate of data, without its limits. */
    readonly unlimitedData: Gate;
  },
): Gates {
  const isOnLoopback = isLoopback(hostname);
  const expected = token === undefined ? undefined : digestOf(token);
  const isOperator = ({ headers }: Request) => {
    if (expected === undefined) return true;
    const given = bearerToken(headers);
    return given !== undefined && timingSafeEqual(digestOf(given), expected);
  };
  const behind = (gate: Gate): Gate => (context) => {
    const { raw } = context.req;
    return refuseForeignPage(raw, { isOnLoopback }) ?? gate(context);
  };
  const operation = behind(({ req }) => {
    if (isOperator(req.raw)) return AS_OPERATOR;
    return unauthenticated(bearerToken(req.raw.headers) === undefined ? undefined : "it is not the operator's token");
  });
  return {
    operation,
    document: operation,
    data: expected === undefined ? behind(unlimitedData) : operation,
    health: behind(({ req }) => isOperator(req.raw) ? AS_OPERATOR : AS_ANYBODY),
  };
}

/**
 * A page from elsewhere that a browser on this machine shows may neither ask this door as another origin nor, by a name
 * that it lets point here, as its own (DNS rebinding).
 */
function refuseForeignPage(
  { url, headers }: Request,
  { isOnLoopback }: { readonly isOnLoopback: boolean },
): Problem | undefined {
  const asked = URL.parse(url);
  if (asked === null || isOnLoopback && !isLoopback(asked.hostname)) {
    return problem("forbidden", { detail: "Ask the operator's door by a name of this machine, like 127.0.0.1" });
  }
  const origin = headers.get("origin");
  const isOwn = origin === null || URL.parse(origin)?.host === asked.host;
  if (isOwn && headers.get("sec-fetch-site") !== "cross-site") return undefined;
  return problem("forbidden", { detail: "The operator's door does not answer pages of other origins" });
}

/** Of one length, so that comparing takes one time. */
function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
