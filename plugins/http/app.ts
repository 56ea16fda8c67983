import { Hono, type MiddlewareHandler } from "hono";
import { topicName } from "../../core/engine/publication.ts";
import type { Operation } from "../../core/ports/operation.ts";
import type { Asset } from "../../core/ports/telemetry.ts";
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
import { getState } from "./states.ts";
import { getTopic } from "./topics.ts";
import { nameByRoute } from "./trace.ts";
import { getDocument, getView } from "./views.ts";

type Methods = { readonly GET?: Handler; readonly POST?: Handler };
type Route = readonly [path: string, methods: Methods];

/** The public door's routes, behind the limiter when there is one. */
export function createPublicApp(kernel: Kernel, limiter: MiddlewareHandler | undefined): Hono {
  return createApp(kernel, { routes: publicRoutes(kernel, { reasons: false }), limiter });
}

/** The operator's: its assets and operations, the reasons of ill health, and whatever the public door has. */
export function createOperatorApp(
  kernel: Kernel,
  { assets, operations }: { assets: readonly Asset[]; operations: readonly Operation[] },
): Hono {
  const paths = Map.groupBy(operations, ({ path }) => path);
  const own = [
    ...assets.map((asset): Route => [asset.path, { GET: getAsset(asset) }]),
    ...[...paths].map(([path, methods]): Route => [
      path,
      Object.fromEntries(methods.map((each) => [each.method, serveOperation(kernel, each)])),
    ]),
  ];
  const taken = new Set(own.map(([path]) => path));
  const others = publicRoutes(kernel, { reasons: true }).filter(([path]) => !taken.has(path));
  return createApp(kernel, { routes: [...own, ...others], limiter: undefined });
}

function publicRoutes(kernel: Kernel, { reasons }: { reasons: boolean }): readonly Route[] {
  const { registry, broker } = kernel;
  return [
    ...registry.modules.flatMap((served): Route[] => {
      const path = `/${served.module.path}`;
      return [
        ...(served.module.creates.length === 0 ? [] : [[path, { POST: postCreation(kernel, served) }] as const]),
        [`${path}/:id`, { POST: postCommand(kernel, served), GET: getState(kernel, served) }],
        [`${path}/:id/events`, { GET: getHistory(kernel, served) }],
        ...(broker === undefined
          ? []
          : [[`/topics/${topicName(served)}`, { GET: getTopic(kernel, { served, broker }) }] as const]),
      ];
    }),
    ...[...registry.views].flatMap(([name, view]): Route[] => [
      [`/views/${name}`, { GET: getView(kernel, view) }],
      [`/views/${name}/:key`, { GET: getDocument(kernel, view) }],
    ]),
    ["/problems/:code", { GET: getProblemPage() }],
    ["/problems/:module/:code", { GET: getRejectionPage(registry) }],
    ["/openapi.json", { GET: getOpenApi(kernel) }],
    ["/docs", { GET: getDocsPage() }],
    ["/docs/:file", { GET: getDocsFile() }],
    ["/livez", { GET: getLivez }],
    ["/readyz", { GET: getReadyz(kernel, { reasons }) }],
  ];
}

/** Each request runs one handler; only what matches none asks a second router whether the path exists at all. */
function createApp(
  kernel: Kernel,
  { routes, limiter }: { routes: readonly Route[]; limiter: MiddlewareHandler | undefined },
): Hono {
  const app = new Hono();
  if (kernel.tracer !== undefined) app.use(nameByRoute(kernel.tracer));
  if (limiter !== undefined) app.use(limiter);
  const others = new Hono();
  for (const [path, { GET, POST }] of routes) {
    if (GET !== undefined) app.get(path, answer(kernel, GET));
    if (POST !== undefined) app.post(path, answer(kernel, POST));
    others.all(path, answer(kernel, otherMethod({ GET, POST })));
  }
  others.notFound(answer(kernel, () => problem("not_found")));
  app.notFound((context) => others.fetch(context.req.raw));
  return app;
}

function otherMethod({ GET, POST }: { [Name in keyof Methods]: Methods[Name] | undefined }): Handler {
  const allow = [...(GET === undefined ? [] : ["GET", "HEAD"]), ...(POST === undefined ? [] : ["POST"]), "OPTIONS"]
    .join(", ");
  return ({ request, correlationId }) => {
    if (request.method !== "OPTIONS") return problem("method_not_allowed", { headers: { allow } });
    return new Response(null, { status: 204, headers: { allow, "x-correlation-id": correlationId } });
  };
}

function getAsset({ contentType, body }: Asset): Handler {
  return async ({ request, correlationId }) => {
    const query = readQuery(request.url, NO_NAMES);
    if (query.is === "problem") return query;
    return new Response(await body(), {
      headers: { "content-type": contentType, "cache-control": "no-store", "x-correlation-id": correlationId },
    });
  };
}
