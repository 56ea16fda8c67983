import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Tracer } from "../../core/ports/tracing.ts";

/** What matches where no route does: this middleware's own path. */
const ALL = "/*";

/**
 * Names the span of each request by its route; else it has no more than the method. Its URL, with whatever a person has
 * typed into the query, stays inside.
 */
export function nameByRoute(tracer: Tracer): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { method } = context.req;
    const route = routePath(context, -1);
    const name = route === ALL ? method : `${method} ${route}`;
    tracer.request()?.describe(name, { "http.route": route, "url.full": "", "url.path": "", "url.query": "" });
  };
}
