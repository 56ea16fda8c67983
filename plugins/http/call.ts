import type { Context } from "hono";
import type { CommandBus } from "../../core/engine/command_bus.ts";
import type { Lifecycle } from "../../core/engine/lifecycle.ts";
import type { Queries } from "../../core/engine/queries.ts";
import type { Registry } from "../../core/engine/registry.ts";
import type { Principal } from "../../core/model/module.ts";
import type { Broker } from "../../core/ports/broker.ts";
import type { Authenticator } from "../../core/ports/authenticator.ts";
import { type EventStore, Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { Tracer } from "../../core/ports/tracing.ts";
import type { Gate } from "./access/gate.ts";
import type { BodyLimits } from "./body.ts";
import type { BodyMemory } from "./body_memory.ts";
import type { Deadlines } from "./deadlines.ts";
import { isCorrelationId } from "./headers.ts";
import type { LiveHub } from "./live_hub.ts";
import type { LiveStreams } from "./live_streams.ts";
import { type Problem, problem, problemResponse } from "./problems.ts";
import { respond } from "./respond.ts";
import { EVENT_STREAM } from "./sse.ts";
import type { Traffic } from "./traffic.ts";

/** What the routes work with. */
export type Kernel = {
  readonly registry: Registry;
  readonly commandBus: CommandBus;
  readonly queries: Queries;
  readonly store: EventStore;
  readonly broker: Broker | undefined;
  /** Left out where nobody has to say who they are. */
  readonly authenticator: Authenticator | undefined;
  readonly lifecycle: Lifecycle;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly tracer: Tracer | undefined;
  readonly bodyDeadlines: Deadlines;
  readonly bodyMemory: BodyMemory;
  readonly commandDeadlines: Deadlines;
  readonly traffic: Traffic;
  readonly live: LiveStreams;
  readonly hub: LiveHub;
  readonly limits: BodyLimits & { readonly page: number };
};

/** One request on its way. */
export type Call = {
  readonly request: Request;
  readonly context: Context;
  readonly correlationId: string;
  readonly principal: Principal;
  /** As whom the limits count them. */
  readonly client: () => string;
  /** To when the principal holds: milliseconds since 1970. */
  readonly untilMs: number;
};

export type Handler = (call: Call) => Response | Problem | Promise<Response | Problem>;

/**
 * Lets a request in and runs its handler under a correlation id; a problem, and whatever they throw, becomes a problem
 * document.
 */
export function answer(
  kernel: Kernel,
  { gate, handler }: { readonly gate: Gate; readonly handler: Handler },
): (context: Context) => Promise<Response> {
  return async (context) => {
    const request = context.req.raw;
    const given = request.headers.get("x-correlation-id");
    const correlationId = given !== null && isCorrelationId(given) ? given : kernel.runtime.newId();
    let answered: Response | Problem;
    kernel.traffic.begin();
    try {
      const entering = gate(context);
      const entered = entering instanceof Promise ? await entering : entering;
      if (entered.is === "problem") answered = entered;
      else if (given !== null && given !== correlationId) {
        answered = problem("invalid_header", { detail: "X-Correlation-Id must be a UUID" });
      } else {
        const { principal, client, untilMs } = entered;
        answered = await handler({ request, context, correlationId, principal, client, untilMs });
      }
    } catch (error) {
      answered = faultProblem(kernel, { error, correlationId });
    } finally {
      kernel.traffic.end();
    }
    const response = answered instanceof Response
      ? answered
      : problemResponse(answered, { instance: rawPath(request.url), correlationId });
    return request.method === "HEAD" ? await withLength(response) : response;
  };
}

export function json(
  { correlationId }: Call,
  { status = 200, body, headers }: {
    readonly status?: number;
    readonly body: unknown;
    readonly headers: Readonly<Record<string, string>>;
  },
): Response {
  const all = { "content-type": "application/json", ...headers };
  return respond(JSON.stringify(body), { correlationId, status, headers: all });
}

/** The parameter of a route that has it. */
export function parameter({ context }: Call, name: string): string {
  return context.req.param(name) ?? "";
}

/** The path as it was sent, undecoded. */
export function rawPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.slice(start).search(/[?#]/);
  return end === -1 ? url.slice(start) : url.slice(start, start + end);
}

/** A HEAD is answered without the body, but with its length; a live stream has none. */
async function withLength(response: Response): Promise<Response> {
  const { status, headers } = response;
  if (headers.get("content-type") === EVENT_STREAM) return response;
  headers.set("content-length", String((await response.bytes()).length));
  // One whose body was read cannot be passed on.
  return new Response(null, { status, headers });
}

/** What failed stays in the log: the answer says nothing of it. */
function faultProblem({ log }: Kernel, { error, correlationId }: { error: unknown; correlationId: string }): Problem {
  if (error instanceof Unavailable) {
    log.debug("A request found a dependency unavailable", { correlation_id: correlationId, error: error.message });
    return problem("unavailable");
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  log.error("A request failed", { correlation_id: correlationId, error: text });
  return problem("internal");
}
