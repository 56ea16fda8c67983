import type { Rejection } from "../../core/model/decider.ts";
import type { Fields, Json } from "../../core/model/message.ts";
import type { Served } from "../../core/engine/registry.ts";
import { respond } from "./respond.ts";

/** Each way the service itself says no. `title` is what happened, `advice` what the caller can do about it. */
export const PROBLEMS = {
  malformed_json: {
    status: 400,
    title: "The body is not JSON",
    advice: "Send one JSON object in UTF-8, without a trailing comma or comment.",
  },
  invalid_id: {
    status: 400,
    title: "The id has the wrong form",
    advice: "Use a lower-case UUID, or where the module takes free ids 1 to 128 characters of A-Z a-z 0-9 . _ -",
  },
  invalid_query: {
    status: 400,
    title: "A query parameter is unknown, repeated or has the wrong form",
    advice: "Send each parameter that the route knows at most once, in the form that the detail names.",
  },
  invalid_header: {
    status: 400,
    title: "A request header has the wrong form",
    advice: "Send the header in the form that the detail names, or leave it out.",
  },
  unauthenticated: {
    status: 401,
    title: "The request does not say who you are",
    advice: "Send Authorization: Bearer with a token that is valid here. The detail says what was missing or wrong.",
  },
  forbidden: {
    status: 403,
    title: "You may not do this",
    advice: "Ask whoever runs the service for the right, or act as somebody who has it.",
  },
  not_found: {
    status: 404,
    title: "There is nothing here",
    advice: "Check the path and the id. An aggregate exists from its first event on; a trailing slash is another path.",
  },
  method_not_allowed: {
    status: 405,
    title: "This path does not take that method",
    advice: "Use one of the methods in the Allow header of the answer.",
  },
  body_timeout: {
    status: 408,
    title: "The body did not arrive in time",
    advice: "Send the whole body at once, as long as Content-Length says. Nothing was stored; send it again.",
  },
  version_conflict: {
    status: 409,
    title: "Others kept changing the aggregate at the same time",
    advice: "Nothing was stored. Send the command again.",
  },
  precondition_failed: {
    status: 412,
    title: "The aggregate is not at the version you asked for",
    advice: "Nothing was stored. Read the aggregate, decide anew, and send the ETag of that read as If-Match.",
  },
  operation_refused: {
    status: 409,
    title: "The operation cannot be done as things are",
    advice: "Nothing was changed. The detail says what stands in the way.",
  },
  payload_too_large: {
    status: 413,
    title: "The request is too large",
    advice: "Split it into several commands.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The body has the wrong media type",
    advice: "Send Content-Type: application/json, without Content-Encoding.",
  },
  invalid_body: {
    status: 422,
    title: "The body does not have the right shape",
    advice: "Each entry of `errors` points at a place in the body and says what was expected there.",
  },
  unknown_command: {
    status: 422,
    title: "The body names no command of this module",
    advice: "Set `type` to one of the commands in the detail.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "This Idempotency-Key was used for another command",
    advice: "Use a new key for each new command, and the old key only to repeat the same body.",
  },
  rate_limited: {
    status: 429,
    title: "Too many requests came in",
    advice: "Nothing was stored. Send the request again after the time in Retry-After.",
  },
  internal: {
    status: 500,
    title: "The service failed",
    advice: "This is a fault of the service. Give its operators the correlation_id of the answer.",
  },
  unavailable: {
    status: 503,
    title: "The service cannot do this at the moment",
    advice: "Nothing was stored. Send the request again after the time in Retry-After.",
  },
  overloaded: {
    status: 503,
    title: "The service has as much in hand as it can take",
    advice: "Nothing was stored. Send the request again after the time in Retry-After.",
  },
  outcome_unknown: {
    status: 503,
    title: "The command may or may not have been stored",
    advice: "Send it again with the same Idempotency-Key. Without a key, read the aggregate before sending it again.",
  },
  view_parked: {
    status: 503,
    title: "The view has stopped before the write you ask for",
    advice: "Its projection failed on an event of that aggregate and waits for an operator. Read the aggregate itself.",
  },
  view_behind: {
    status: 503,
    title: "The view does not show the write you ask for yet",
    advice: "Ask again after the time in Retry-After, with a longer Prefer: wait, or without the Consistency-Token.",
  },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
export type FieldError = { readonly pointer: string; readonly detail: string };
type Particulars = {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Extension members of the document. */
  readonly members?: Fields;
  readonly headers?: Readonly<Record<string, string>>;
};
export type Problem = Particulars & {
  readonly is: "problem";
  readonly type: string;
  readonly status: number;
  readonly title: string;
};

const RETRY_AFTER_SECONDS = "1";

export function problem(code: ProblemCode, particulars: Particulars = {}): Problem {
  const { status, title } = PROBLEMS[code];
  return { is: "problem", type: `/problems/${code}`, status, title, ...particulars };
}

/** A decider's refusal: the module's sentence for people, what the decider said of it under `rejection`. */
export function rejectionProblem({ module }: Served, { rejected, detail }: Rejection): Problem {
  return {
    is: "problem",
    type: `/problems/${module.name}/${rejected}`,
    status: 422,
    title: module.rejections[rejected] ?? rejected,
    ...(detail === undefined ? {} : { detail: sentence(detail), members: { rejection: detail } }),
  };
}

/** The problem as RFC 9457 has it. */
export function problemResponse(
  { type, title, status, detail, errors, members, headers }: Problem,
  { instance, correlationId }: { readonly instance: string; readonly correlationId: string },
): Response {
  const document = { type, title, status, detail, instance, correlation_id: correlationId, errors, ...members };
  const all = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...(status === 503 ? { "retry-after": RETRY_AFTER_SECONDS } : {}),
    ...headers,
  };
  return respond(JSON.stringify(document), { correlationId, status, headers: all });
}

/** A JSON pointer (RFC 6901) as a URI fragment. */
export function pointer(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => String(step).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
  return `#${encodeURI(steps.map((step) => `/${step}`).join("")).replaceAll("#", "%23")}`;
}

function sentence(detail: Json): string {
  if (typeof detail === "string") return detail;
  if (typeof detail !== "object" || detail === null || Array.isArray(detail)) return JSON.stringify(detail);
  return Object.entries(detail).map(([name, value]) => `${name} is ${JSON.stringify(value)}`).join(", ");
}
