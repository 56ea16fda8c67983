import type { Context } from "hono";
import { isLoopback } from "../../../core/engine/loopback.ts";
import { ANONYMOUS, type Authentication, type Authenticator } from "../../../core/ports/authenticator.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import { type Problem, problem } from "../problems.ts";
import type { Traffic } from "../traffic.ts";
import { bearerToken, unauthenticated } from "./bearer.ts";
import { admit, type Admitted, type Gate, type Gates } from "./gate.ts";
import { type RateLimit, RateLimiter } from "./rate_limit.ts";

export type PublicGatesParts = {
  /** Left out where nobody has to say who they are. */
  readonly authenticator: Authenticator | undefined;
  readonly addressOf: (context: Context) => string;
  readonly clientLimit?: RateLimit | undefined;
  readonly globalLimit?: RateLimit | undefined;
  readonly traffic: Traffic;
  readonly requestLimit: number;
  readonly runtime: Runtime;
};

const EVERYBODY = "";
const SCHEME_LENGTH = "http://".length;
const FOREIGN_NAME = "Ask by a name of this machine, like 127.0.0.1; with AUTH=none or AUTH=jwt every name is answered";
const AS_ANYBODY = admit(ANONYMOUS);

/**
 * The public door's: what is too much is refused first, then who asks is found out, then their own limit holds. A
 * client is the subject of a token, or without one an address; they are counted apart, so that made-up addresses are
 * not in the way of subjects. A refused token counts against its address: once that is over its limit, no token from
 * there is checked that is not known already. The limit of all together counts only those who are let in, so that who
 * is refused cannot spend it.
 */
export function createPublicGates(parts: PublicGatesParts): Gates {
  const { authenticator, addressOf, clientLimit, globalLimit, traffic, requestLimit, runtime } = parts;
  const subjects = clientLimit && new RateLimiter(clientLimit, runtime);
  const addresses = clientLimit && new RateLimiter(clientLimit, runtime);
  const everybody = globalLimit && new RateLimiter(globalLimit, runtime);
  const refuseLoad = () => {
    if (traffic.unanswered <= requestLimit) return refuseSpent(everybody, EVERYBODY);
    return problem("overloaded", { detail: `There are ${requestLimit} requests under way already` });
  };
  const asAnybody = (context: Context) => {
    const refused = (addresses && overRate(addresses, addressOf(context))) ?? overRate(everybody, EVERYBODY);
    return refused ?? admit(ANONYMOUS, { client: () => addressOf(context) });
  };
  const settle = (context: Context, found: Authentication | Problem): Admitted | Problem => {
    if (found.is === "problem") return found;
    if (found.is === "unavailable") return problem("unavailable", { detail: "Tokens cannot be checked at the moment" });
    if (found.is === "refused") return overRate(addresses, addressOf(context)) ?? unauthenticated(found.reason);
    const { principal, untilMs } = found;
    return overRate(subjects, principal.sub) ?? overRate(everybody, EVERYBODY) ?? admit(principal, { untilMs });
  };
  return {
    data(context) {
      const refused = refuseLoad();
      if (refused !== undefined) return refused;
      if (authenticator === undefined) return asAnybody(context);
      const token = bearerToken(context.req.raw.headers);
      if (token === undefined) return overRate(addresses, addressOf(context)) ?? unauthenticated();
      const found = authenticator.known(token) ?? (addresses && refuseSpent(addresses, addressOf(context))) ??
        authenticator.authenticate(token);
      return found instanceof Promise ? found.then((each) => settle(context, each)) : settle(context, found);
    },
    document: (context) => refuseLoad() ?? asAnybody(context),
    health: () => AS_ANYBODY,
    operation: () => problem("not_found"),
  };
}

/**
 * Lets in who asks by a name of this machine: a page from elsewhere that a browser here shows may let its own name
 * point here, and would be of the same origin then (DNS rebinding). Health tells of no data.
 */
export function onThisMachine({ data, document, ...gates }: Gates): Gates {
  let known = "";
  const behind = (gate: Gate): Gate => (context) => {
    const { url } = context.req.raw;
    const origin = url.slice(0, url.indexOf("/", SCHEME_LENGTH));
    if (origin !== known) {
      if (!isLoopback(URL.parse(origin)?.hostname ?? "")) return problem("forbidden", { detail: FOREIGN_NAME });
      known = origin;
    }
    return gate(context);
  };
  return { ...gates, data: behind(data), document: behind(document) };
}

/** Counts nothing while there is something left. */
function refuseSpent(limiter: RateLimiter | undefined, client: string): Problem | undefined {
  return limiter?.isSpent(client) ? overRate(limiter, client) : undefined;
}

function overRate(limiter: RateLimiter | undefined, client: string): Problem | undefined {
  const waitSeconds = limiter?.waitSeconds(client) ?? 0;
  return waitSeconds === 0 ? undefined : problem("rate_limited", { headers: { "retry-after": String(waitSeconds) } });
}
