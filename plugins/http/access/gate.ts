import type { Context } from "hono";
import type { Principal } from "../../../core/model/module.ts";
import type { Problem } from "../problems.ts";

/** Who came in, and until when they may stay: milliseconds since 1970. */
export type Admitted = { readonly is: "admitted"; readonly principal: Principal; readonly untilMs: number };

/** Lets a request in, or tells why not. */
export type Gate = (context: Context) => Admitted | Problem | Promise<Admitted | Problem>;

/**
 * What a route gives away: `data` is the modules'; `document` explains the service and is the same for everybody;
 * `health` is asked by what keeps the service running; `operation` is for operators.
 */
export type Kind = "data" | "document" | "health" | "operation";

/** A door's gate for each kind of route. */
export type Gates = Readonly<Record<Kind, Gate>>;

export function admit(principal: Principal, untilMs = Infinity): Admitted {
  return { is: "admitted", principal, untilMs };
}
