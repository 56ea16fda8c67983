import type { ServedView } from "../../core/engine/registry.ts";
import { type Find, InvalidCursor, type StoredDocument } from "../../core/ports/read_models.ts";
import { type Call, type Handler, json, type Kernel, parameter } from "./call.ts";
import { readWait } from "./headers.ts";
import { isDocumentKey } from "./ids.ts";
import { nextLink, readLimit } from "./pages.ts";
import { type Problem, problem } from "./problems.ts";
import { NO_NAMES, type Query, readQuery } from "./query.ts";

const CURSOR_LENGTH_MAX = 4096;

type Shown = { readonly is: "shown"; readonly headers: Readonly<Record<string, string>> };

/** `GET /views/{projection}`: a page of documents, all of them or those an index field selects. */
export function getView(kernel: Kernel, view: ServedView): Handler {
  const indexes = new Map(Object.entries(view.model.indexes).map(([name, { by }]) => [by, name]));
  const names = new Set([...indexes.keys(), "after", "limit"]);
  return async (call) => {
    const query = readQuery(call.request.url, names);
    if (query.is === "problem") return query;
    const asked = readFind(query, { indexes, limitMax: kernel.limits.page });
    if (asked.is === "problem") return asked;
    const shown = await whenShown(kernel, { call, view });
    if (shown.is === "problem") return shown;
    try {
      const found = await kernel.queries.find(view, { principal: call.principal, find: asked.find });
      if (found.is === "forbidden") return problem("forbidden");
      const { items, next } = found.view;
      return json(call, {
        body: { items: items.map(item), next },
        headers: { ...shown.headers, ...nextLink(call, { query, next }) },
      });
    } catch (error) {
      if (error instanceof InvalidCursor) return invalidCursor();
      throw error;
    }
  };
}

/** `GET /views/{projection}/{key}`: one document. */
export function getDocument(kernel: Kernel, view: ServedView): Handler {
  return async (call) => {
    const query = readQuery(call.request.url, NO_NAMES);
    if (query.is === "problem") return query;
    const key = parameter(call, "key");
    if (!isDocumentKey(view, key)) return problem("invalid_id");
    const shown = await whenShown(kernel, { call, view });
    if (shown.is === "problem") return shown;
    const found = await kernel.queries.document(view, { principal: call.principal, key });
    if (found.is !== "found") return problem(found.is === "missing" ? "not_found" : "forbidden");
    return json(call, { body: item(found.document), headers: shown.headers });
  };
}

function readFind(
  query: Query,
  { indexes, limitMax }: { indexes: ReadonlyMap<string, string>; limitMax: number },
): { readonly is: "find"; readonly find: Find } | Problem {
  const limit = readLimit(query, limitMax);
  if (limit.is === "problem") return limit;
  const after = query.values.get("after");
  if (after !== undefined && after.length > CURSOR_LENGTH_MAX) return invalidCursor();
  const wheres = [...indexes].flatMap(([field, index]) => {
    const value = query.values.get(field);
    return value === undefined ? [] : [{ index, value }];
  });
  const [where, second] = wheres;
  if (second !== undefined) return problem("invalid_query", { detail: "A view is filtered by one field at a time" });
  const find = {
    limit: limit.value,
    ...(after === undefined ? {} : { after }),
    ...(where === undefined ? {} : { where }),
  };
  return { is: "find", find };
}

/** Reads its own writes: waits for the view to show what the caller's token names. */
async function whenShown(
  kernel: Kernel,
  { call, view }: { call: Call; view: ServedView },
): Promise<Shown | Problem> {
  const headers = { "cache-control": "no-cache" };
  const wait = readWait(call.request.headers, kernel.registry);
  if (wait === undefined) return { is: "shown", headers };
  if (wait.is === "problem") return wait;
  const { write, timeoutMs, applied } = wait;
  const outcome = await kernel.queries.whenShown(view, write, { timeoutMs });
  const preference = applied === undefined ? undefined : { "preference-applied": applied };
  if (outcome === "passed") return { is: "shown", headers: { ...headers, ...preference } };
  const code = outcome === "parked" ? "view_parked" : "view_behind";
  return problem(code, preference === undefined ? {} : { headers: preference });
}

function item({ key, version, document }: StoredDocument) {
  return { id: key, ...document, version };
}

function invalidCursor(): Problem {
  return problem("invalid_query", { detail: "after must be the next of an earlier page of the same list" });
}
