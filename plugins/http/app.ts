import { Hono, type MiddlewareHandler } from "hono";
import { topicName } from "../../core/engine/publication.ts";
import type { Operation } from "../../core/ports/operation.ts";
import type { Asset } from "../../core/ports/telemetry.ts";
import type { Gates, Kind } from "./access/gate.ts";
import { answer, type Handler, type Kernel } from "./call.ts";
import { postCommand, postCreation } from "./commands.ts";
import { getDocsFile, getDocsPage } from "./docs_page.ts";
import { getLivez, getReadyz } from "./health.ts";
import { getHistory } from "./history.ts";
import { getOpenApi } from "./openapi/document.ts";
import { serveOperation } from "./operations.ts";
import { getProblemPage, getRejectionPage } from "./problem_pages.ts";
import { problem } from "./problems.ts";
import { NO_NAMES, readQuery } from "./query.ts";
import { respond } from "./respond.ts";
import { getState } from "./states.ts";
import { getTopic } from "./topics.ts";
import { nameByRoute } from "./trace.ts";
import { getDocument, getView } from "./views.ts";

type Methods = { readonly GET?: Handler; readonly POST?: Handler };
type Route = readonly [kind: Kind, path: string, methods: Methods];

/** The public door's routes; `cors` comes before them when there is one. */
export function createPublicApp(
  kernel: Kernel,
  { gates, cors }: { readonly gates: Gates; readonly cors?: MiddlewareHandler | undefined },
): Hono {
  return createApp(kernel, { routes: publicRoutes(kernel), gates, cors });
}

/** The operator's: its assets and operations, and whatever the public door has. */
export function createOperatorApp(
  kernel: Kernel,
  { gates, assets, operations }: {
    readonly gates: Gates;
    readonly assets: readonly Asset[];
    readonly operations: readonly Operation[];
  },
): Hono {
  const paths = Map.groupBy(operations, ({ path }) => path);
  const own = [
    ...assets.map((asset): Route => ["operation", asset.path, { GET: getAsset(asset) }]),
    ...[...paths].map(([path, methods]): Route => [
      "operation",
      path,
      Object.fromEntries(methods.map((each) => [each.method, serveOperation(kernel, each)])),
    ]),
  ];
  const taken = new Set(own.map(([, path]) => path));
  const others = publicRoutes(kernel).filter(([, path]) => !taken.has(path));
  return createApp(kernel, { routes: [...own, ...others], gates, cors: undefined });
}

function publicRoutes(kernel: Kernel): readonly Route[] {
  const { registry, broker } = kernel;
  return [
    ...registry.modules.flatMap((served): Route[] => {
      const path = `/${served.module.path}`;
      return [
        ...(served.module.creates.length === 0
          ? []
          : [["data", path, { POST: postCreation(kernel, served) }] as const]),
        ["data", `${path}/:id`, { POST: postCommand(kernel, served), GET: getState(kernel, served) }],
        ["data", `${path}/:id/events`, { GET: getHistory(kernel, served) }],
        ...(broker === undefined
          ? []
          : [["data", `/topics/${topicName(served)}`, { GET: getTopic(kernel, { served, broker }) }] as const]),
      ];
    }),
    ...[...registry.views].flatMap(([name, view]): Route[] => [
      ["data", `/views/${name}`, { GET: getView(kernel, view) }],
      ["data", `/views/${name}/:key`, { GET: getDocument(kernel, view) }],
    ]),
    ["document", "/problems/:code", { GET: getProblemPage() }],
    ["document", "/problems/:module/:code", { GET: getRejectionPage(registry) }],
    ["document", "/openapi.json", { GET: getOpenApi(kernel) }],
    ["document", "/docs", { GET: getDocsPage() }],
    ["document", "/docs/:file", { GET: getDocsFile() }],
    ["health", "/livez", { GET: getLivez }],
    ["health", "/readyz", { GET: getReadyz(kernel) }],
  ];
}

/**
 * Each request runs one handler behind the gate of its kind; only what matches none asks a second router whether the
 * path exists at all, which is no secret.
 */
function createApp(
  kernel: Kernel,
  { routes, gates, cors }: {
    readonly routes: readonly Route[];
    readonly gates: Gates;
    readonly cors: MiddlewareHandler | undefined;
  },
): Hono {
  const app = new Hono();
  if (kernel.tracer !== undefined) app.use(nameByRoute(kernel.tracer));
  if (cors !== undefined) app.use(cors);
  const others = new Hono();
  for (const [kind, path, { GET, POST }] of routes) {
    const gate = gates[kind];
    if (GET !== undefined) app.get(path, answer(kernel, { gate, handler: GET }));
    if (POST !== undefined) app.post(path, answer(kernel, { gate, handler: POST }));
    others.all(path, answer(kernel, { gate: gates.document, handler: otherMethod({ GET, POST }) }));
  }
  others.notFound(answer(kernel, { gate: gates.document, handler: () => problem("not_found") }));
  app.notFound((context) => others.fetch(context.req.raw, context.env));
  return app;
}

function otherMethod({ GET, POST }: { [Name in keyof Methods]: Methods[Name] | undefined }): Handler {
  const allow = [...(GET === undefined ? [] : ["GET", "HEAD"]), ...(POST === undefined ? [] : ["POST"]), "OPTIONS"]
    .join(", ");
  return ({ request, correlationId }) => {
    if (request.method !== "OPTIONS") return problem("method_not_allowed", { headers: { allow } });
    return respond(null, { correlationId, status: 204, headers: { allow } });
  };
}

function getAsset({ contentType, body }: Asset): Handler {
  return async ({ request, correlationId }) => {
    const query = readQuery(request.url, NO_NAMES);
    if (query.is === "problem") return query;
    const headers = { "content-type": contentType, "cache-control": "no-store" };
    return respond(await body(), { correlationId, headers });
  };
}
