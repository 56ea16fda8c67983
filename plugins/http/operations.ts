import type { Operation, OperationOutcome } from "../../core/ports/operation.ts";
import { readBody } from "./body.ts";
import { type Handler, json, type Kernel } from "./call.ts";
import { fieldErrors } from "./field_errors.ts";
import { type Problem, problem } from "./problems.ts";
import { readQuery } from "./query.ts";

const HEADERS = { "cache-control": "no-store" };
const REFUSALS = { not_found: "not_found", conflict: "operation_refused", invalid: "invalid_query" } as const;

/** One of the operator's operations: a GET takes its input from the query, a POST from the body. */
export function serveOperation(kernel: Kernel, operation: Operation): Handler {
  const names = new Set(Object.keys(operation.input.shape));
  const isGet = operation.method === "GET";
  return async (call) => {
    const query = readQuery(call.request.url, isGet ? names : new Set());
    if (query.is === "problem") return query;
    const body = isGet ? { is: "body", value: Object.fromEntries(query.values) } as const : await readBody(
      call.request,
      kernel,
    );
    if (body.is === "problem") return body;
    const input = operation.input.safeParse(body.value);
    if (!input.success) {
      const errors = fieldErrors(input.error.issues);
      return problem(isGet ? "invalid_query" : "invalid_body", isGet ? { detail: detailOf(errors) } : { errors });
    }
    const outcome = await operation.run(input.data, { correlationId: call.correlationId });
    return outcome.is === "done" ? json(call, { body: outcome.body, headers: HEADERS }) : refusal(outcome);
  };
}

function refusal({ why, detail }: Extract<OperationOutcome, { readonly is: "refused" }>): Problem {
  return problem(REFUSALS[why], { detail });
}

function detailOf(errors: readonly { readonly pointer: string; readonly detail: string }[]): string {
  return errors.map(({ pointer, detail }) => `${pointer.slice(2)}: ${detail}`).join("; ");
}
