import type { ServedView } from "../../core/engine/registry.ts";
import { type Find, InvalidCursor, type StoredDocument } from "../../core/ports/read_models.ts";
import { type Handler, json, type Kernel, parameter } from "./call.ts";
import { readWait } from "./headers.ts";
import { isDocumentKey } from "./ids.ts";
import { nextLink, readLimit } from "./pages.ts";
import { type Problem, problem } from "./problems.ts";
import { NO_NAMES, type Query, readQuery } from "./query.ts";

const CURSOR_LENGTH_MAX = 4096;
const CACHING = { "cache-control": "no-cache" };

/** `GET /views/{projection}`: a page of documents, all of them or those an index field selects. */
export function getView(kernel: Kernel, view: ServedView): Handler {
  const indexes = new Map(Object.entries(view.model.indexes).map(([name, { by }]) => [by, name]));
  const names = new Set([...indexes.keys(), "after", "limit"]);
  return async (call) => {
    const query = readQuery(call.request.url, names);
    if (query.is === "problem") return query;
    const asked = readFind(query, { indexes, limitMax: kernel.limits.page });
    if (asked.is === "problem") return asked;
    const wait = readWait(call.request.headers, kernel.registry);
    if (wait?.is === "problem") return wait;
    try {
      const found = await kernel.queries.find(view, { principal: call.principal, find: asked.find, shown: wait });
      if (found.is !== "found") return refusal(found.is, wait);
      const { items, next } = found.view;
      return json(call, {
        body: { items: items.map(item), next },
        headers: { ...CACHING, ...applied(wait), ...nextLink(call, { query, next }) },
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
    const wait = readWait(call.request.headers, kernel.registry);
    if (wait?.is === "problem") return wait;
    const found = await kernel.queries.document(view, { principal: call.principal, key, shown: wait });
    if (found.is !== "found") return refusal(found.is, wait);
    return json(call, { body: item(found.document), headers: { ...CACHING, ...applied(wait) } });
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

type Applied = { readonly applied: string | undefined } | undefined;

function applied(wait: Applied): Readonly<Record<string, string>> {
  return wait?.applied === undefined ? {} : { "preference-applied": wait.applied };
}

function refusal(is: "missing" | "forbidden" | "behind" | "parked", wait: Applied): Problem {
  if (is === "missing") return problem("not_found");
  if (is === "forbidden") return problem("forbidden");
  return problem(is === "parked" ? "view_parked" : "view_behind", { headers: applied(wait) });
}

function item({ key, version, document }: StoredDocument) {
  return { id: key, ...document, version };
}

function invalidCursor(): Problem {
  return problem("invalid_query", { detail: "after must be the next of an earlier page of the same list" });
}
