import type { Context } from "hono";
import type { Principal } from "../../../core/model/module.ts";
import type { Problem } from "../problems.ts";

export type Admitted = {
  readonly is: "admitted";
  /** Who came in. */
  readonly principal: Principal;
  /** As whom the limits count them: a subject, or of those who show no token an address, which costs a look. */
  readonly client: () => string;
  /** Until when they may stay: milliseconds since 1970. */
  readonly untilMs: number;
};

/** Lets a request in, or tells why not. */
export type Gate = (context: Context) => Admitted | Problem | Promise<Admitted | Problem>;

/**
 * What a route gives away: `data` is the modules'; `document` explains the service and is the same for everybody;
 * `health` is asked by what keeps the service running; `operation` is for operators.
 */
export type Kind = "data" | "document" | "health" | "operation";

/** A door's gate for each kind of route. */
export type Gates = Readonly<Record<Kind, Gate>>;

export function admit(
  principal: Principal,
  { client = () => `subject ${principal.sub}`, untilMs = Infinity }: { client?: () => string; untilMs?: number } = {},
): Admitted {
  return { is: "admitted", principal, client, untilMs };
}
