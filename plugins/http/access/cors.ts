import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { z } from "zod";

const PREFLIGHT_SECONDS = 600;
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

/** Lets pages of those origins use the service. Nothing goes by cookie, so no credentials are allowed. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  const allow = cors({
    origin: [...origins],
    allowMethods: ["GET", "HEAD", "POST"],
    exposeHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
  });
  return (context, next) => {
    const { method, headers } = context.req.raw;
    // An OPTIONS that is no browser's question is answered by the route.
    const isPlain = method === "OPTIONS" && !headers.has("access-control-request-method");
    return isPlain ? next() : allow(context, next);
  };
}
