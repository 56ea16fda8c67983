import type { Principal } from "../model/module.ts";
import { manyRef } from "./plugin.ts";

/** Who asks where nobody has to say who they are. */
export const ANONYMOUS: Principal = { sub: "anonymous", claims: {} };

/** Who asks with the operator's token. */
export const OPERATOR: Principal = { sub: "operator", claims: {} };

/**
 * Who holds a token, and until when (milliseconds since 1970); or why it is not taken, in ASCII without quotes; or that
 * this cannot be told at the moment.
 */
export type Authentication =
  | { readonly is: "authenticated"; readonly principal: Principal; readonly untilMs: number }
  | { readonly is: "refused"; readonly reason: string }
  | { readonly is: "unavailable" };

/** Tells who holds a bearer token. It never throws, and never names a reserved subject. */
export type Authenticator = {
  /** What can be told of a token at once; undefined where it has to be checked. */
  known(token: string): Authentication | undefined;
  /** What is told of a token; one that is not known is checked, which costs. */
  authenticate(token: string): Authentication | Promise<Authentication>;
};

/** Gathered from the plugins, and used by the doors when there is one. */
export const authenticatorRef = manyRef<Authenticator>("authenticator");
