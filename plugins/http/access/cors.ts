import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { z } from "zod";
import { answer, type Call, type Kernel } from "../call.ts";
import { respond } from "../respond.ts";
import type { Gate } from "./gate.ts";

const PREFLIGHT_SECONDS = "600";
/** Of our answers, what a page of another origin may read beside the body. */
const EXPOSED = [
  "Consistency-Token",
  "ETag",
  "Idempotent-Replayed",
  "Link",
  "Location",
  "Preference-Applied",
  "Retry-After",
  "WWW-Authenticate",
  "X-Correlation-Id",
];

/** `https://shop.example,http://localhost:3000`: origins as browsers write them, with commas between them. */
export const origins = z.string().transform((text, context) => {
  const named = text.split(",").map((each) => each.trim());
  const wrong = named.find((each) => URL.parse(each)?.origin !== each || each === "null");
  if (wrong === undefined) return named;
  context.addIssue(`expected origins like https://shop.example, found ${JSON.stringify(wrong)}`);
  return z.NEVER;
});

/**
 * Lets pages of those origins use the service. Nothing goes by cookie, so no credentials are allowed. What a browser
 * asks beforehand is answered behind the gate, as every request is.
 */
export function allowOrigins(
  origins: readonly string[],
  { kernel, gate }: { readonly kernel: Kernel; readonly gate: Gate },
): MiddlewareHandler {
  const allow = cors({ origin: [...origins], exposeHeaders: EXPOSED });
  const preflight = answer(kernel, { gate, handler: (call) => answerPreflight(call, origins) });
  return (context, next) => {
    const { method, headers } = context.req.raw;
    if (method !== "OPTIONS") return allow(context, next);
    // An OPTIONS that is no browser's question is answered by the route.
    return headers.has("access-control-request-method") ? preflight(context) : next();
  };
}

function answerPreflight({ request, correlationId }: Call, origins: readonly string[]): Response {
  const origin = request.headers.get("origin");
  const isNamed = origin !== null && origins.includes(origin);
  const headers = {
    vary: "Origin, Access-Control-Request-Headers",
    ...(isNamed && {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET,HEAD,POST",
      "access-control-allow-headers": request.headers.get("access-control-request-headers") ?? "",
      "access-control-max-age": PREFLIGHT_SECONDS,
    }),
  };
  return respond(null, { correlationId, status: 204, headers });
}
