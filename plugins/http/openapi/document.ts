import type { Handler, Kernel } from "../call.ts";
import { fixedHandler } from "../fixed.ts";
import { problemAnswer, problemAnswers, responseHeaders } from "./answers.ts";
import { type JsonObject, Schemas } from "./json_schema.ts";
import { topicPath } from "./live.ts";
import { modulePaths } from "./module_paths.ts";
import { requestHeaders } from "./parameters.ts";
import { servicePaths } from "./service_paths.ts";
import { healthSchema, problemSchema, resultSchema } from "./service_schemas.ts";
import { viewPaths } from "./view_paths.ts";

const DESCRIPTION = `An event-sourced service. A command is posted to an aggregate and answered once its events are \
durable; states are folded from the events, views follow them.

Every path answers HEAD like GET and OPTIONS with \`Allow\`. A query parameter that is not named here is refused. \
Bodies are JSON objects, strictly as their schemas say.`;

const SECURITY_SCHEMES = { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } };

/** `GET /openapi.json` */
export function getOpenApi(kernel: Kernel): Handler {
  const headers = { "content-type": "application/json", "cache-control": "no-cache" };
  return fixedHandler(() => ({ body: JSON.stringify(openApiDocument(kernel)), headers }));
}

/** The service's API in OpenAPI 3.1, from what its modules declare. */
export function openApiDocument(
  { registry, broker, authenticator, limits }: Pick<Kernel, "registry" | "broker" | "authenticator" | "limits">,
): JsonObject {
  const schemas = new Schemas();
  const problem = schemas.add("Problem", problemSchema);
  const result = schemas.add("CommandResult", resultSchema());
  const health = schemas.add("Health", healthSchema);
  const pageLimit = limits.page;
  const { modules, views } = registry;
  const isForbidding = modules.some(({ module }) => module.allowRead !== undefined);
  const dataPaths = [
    ...modules.map((served) => ({
      ...modulePaths(served, { schemas, result, pageLimit }),
      ...(broker === undefined ? {} : topicPath(served)),
    })),
    ...[...views.values()].map((view) => viewPaths(view, { schemas, pageLimit, isForbidding })),
  ];
  const rejections = modules.map(({ module: { name, rejections } }) => {
    const named = Object.entries(rejections).map(([code, title]) => [`${name}/${code}`, title]);
    return [`${name}.422`, problemAnswer(problem, { status: 422, rejections: Object.fromEntries(named) })];
  });
  return {
    openapi: "3.1.1",
    info: { title: "Annals", version: "1", description: DESCRIPTION },
    tags: [
      ...modules.map(({ module: { name, path } }) => ({ name, description: `\`/${path}\` and the views of it` })),
      { name: "service", description: "Health, problems and documentation" },
    ],
    paths: {
      ...Object.assign({}, ...(authenticator === undefined ? dataPaths : dataPaths.map(behindToken))),
      ...servicePaths(registry, { health }),
    },
    components: {
      schemas: schemas.all(),
      parameters: requestHeaders(),
      headers: responseHeaders(),
      responses: { ...problemAnswers(problem), ...Object.fromEntries(rejections) },
      ...(authenticator === undefined ? {} : { securitySchemes: SECURITY_SCHEMES }),
    },
  };
}

/** The same paths, whose operations want a token. */
function behindToken(paths: JsonObject): JsonObject {
  const guarded = (operation: JsonObject) => ({
    ...operation,
    security: [{ token: [] }],
    responses: { ...operation.responses as JsonObject, 401: { $ref: "#/components/responses/401" } },
  });
  const each = (methods: JsonObject) =>
    Object.entries(methods).map(([name, value]) => [name, guarded(value as JsonObject)]);
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [path, Object.fromEntries(each(methods as JsonObject))]),
  );
}
