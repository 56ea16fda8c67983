import type { Registry } from "../../../core/engine/registry.ts";
import { DOCS_FILES } from "../docs_page.ts";
import { PROBLEMS } from "../problems.ts";
import { answer } from "./answers.ts";
import type { JsonObject } from "./json_schema.ts";
import { operation } from "./operation.ts";
import { pathParameter } from "./parameters.ts";

const TAG = "service";
const TEXT = { type: "string" };
const UNCHANGED = answer("You have it.", { headers: ["ETag"] });

/** The paths that are there whatever the modules are. */
export function servicePaths({ modules }: Registry, { health }: { readonly health: JsonObject }): JsonObject {
  const code = (schema: JsonObject) => pathParameter("code", { description: "The problem's code.", schema });
  const names = modules.map(({ module }) => module.name);
  const module = pathParameter("module", {
    description: "The module's name.",
    schema: { type: "string", enum: names },
  });
  return {
    "/livez": { get: healthOperation("livez", { summary: "Whether the process answers", health }) },
    "/readyz": { get: healthOperation("readyz", { summary: "Whether to send requests here", health }) },
    "/problems/{code}": {
      get: pageOperation("problem_page", {
        summary: "What a problem of the service means",
        parameters: [code({ type: "string", enum: Object.keys(PROBLEMS) })],
      }),
    },
    "/problems/{module}/{code}": {
      get: pageOperation("rejection_page", {
        summary: "What a module's rejection means",
        parameters: [module, code({ type: "string" })],
      }),
    },
    "/openapi.json": { get: fixedOperation("openapi", { summary: "This document", type: "application/json" }) },
    "/docs": { get: fixedOperation("docs", { summary: "This document as a page", type: "text/html" }) },
    "/docs/{file}": { get: docsFileOperation() },
  };
}

function healthOperation(id: string, { summary, health }: { summary: string; health: JsonObject }): JsonObject {
  const content = { "application/json": health };
  const unready = id === "readyz"
    ? { 503: answer("It is not: starting, stopping, or something fails.", { content }) }
    : {};
  return operation({
    id,
    tag: TAG,
    summary,
    answers: { 200: answer("It is.", { content }), ...unready },
    problems: [],
  });
}

function pageOperation(
  id: string,
  { summary, parameters }: { summary: string; parameters: readonly JsonObject[] },
): JsonObject {
  const answers = { 200: answer("A page for people.", { content: { "text/html": TEXT } }) };
  return operation({ id, tag: TAG, summary, parameters, answers, problems: [404] });
}

function fixedOperation(id: string, { summary, type }: { summary: string; type: string }): JsonObject {
  const schema = type === "application/json" ? { type: "object" } : TEXT;
  return operation({
    id,
    tag: TAG,
    summary,
    headers: ["If-None-Match"],
    answers: { 200: answer(summary, { content: { [type]: schema }, headers: ["ETag"] }), 304: UNCHANGED },
    problems: [],
  });
}

function docsFileOperation(): JsonObject {
  const names = Object.keys(DOCS_FILES);
  const types = new Set(Object.values(DOCS_FILES).map(({ mediaType }) => mediaType));
  const content = Object.fromEntries([...types].map((type) => [type, TEXT]));
  return operation({
    id: "docs_file",
    tag: TAG,
    summary: "What the page is made of",
    headers: ["If-None-Match"],
    parameters: [pathParameter("file", { description: "The file's name.", schema: { type: "string", enum: names } })],
    answers: { 200: answer("A script or a style sheet.", { content, headers: ["ETag"] }), 304: UNCHANGED },
    problems: [404],
  });
}
