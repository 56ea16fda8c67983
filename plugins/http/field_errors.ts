import type { z } from "zod";
import { type FieldError, pointer } from "./problems.ts";

const ERRORS_MAX = 100;

/** What a schema found wrong, each at its place; a field that nobody declared at its own. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[]): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of issues) {
    for (const error of errorsOf(issue)) {
      if (errors.length === ERRORS_MAX) return errors;
      errors.push(error);
    }
  }
  return errors;
}

function errorsOf(issue: z.core.$ZodIssue): readonly FieldError[] {
  if (issue.code !== "unrecognized_keys") return [{ pointer: pointer(issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: pointer([...issue.path, key]), detail: "No such field is known here" }));
}
