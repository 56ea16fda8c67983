import type { z } from "zod";
import type { Fields } from "../model/message.ts";
import { manyRef } from "./plugin.ts";

/** Whom an operation is done for, as far as the door knows, and the request it came with. */
export type Operator = { readonly correlationId: string };

/** `refused`: nothing was changed, and the detail says what to do. */
export type OperationOutcome =
  | { readonly is: "done"; readonly body: Fields }
  | { readonly is: "refused"; readonly why: "not_found" | "conflict" | "invalid"; readonly detail: string };

/**
 * Something an operator can ask or have done, served at the operator's door. Its input is the query of a GET, all
 * texts, or the body of a POST. A GET changes nothing. Throws `Unavailable` where its outcome is not known.
 */
export type Operation<S extends z.ZodObject = z.ZodObject> = {
  readonly method: "GET" | "POST";
  /** Below `/operations`. */
  readonly path: string;
  readonly summary: string;
  readonly input: S;
  run(input: z.output<S>, operator: Operator): Promise<OperationOutcome>;
};

/** An operation whose own types are forgotten, as the door serves it. */
export function defineOperation<const S extends z.ZodObject>(operation: Operation<S>): Operation {
  return operation as unknown as Operation;
}

export function refused(
  why: Extract<OperationOutcome, { readonly is: "refused" }>["why"],
  detail: string,
): OperationOutcome {
  return { is: "refused", why, detail };
}

export const operationRef = manyRef<Operation>("operation");
