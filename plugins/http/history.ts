import type { Served } from "../../core/engine/registry.ts";
import { type Handler, json, type Kernel, parameter } from "./call.ts";
import { envelope } from "../../core/engine/envelope.ts";
import { expectedId, isId } from "./ids.ts";
import { getLiveHistory } from "./live_history.ts";
import { nextLink, readLimit } from "./pages.ts";
import { problem } from "./problems.ts";
import { readNumber, readQuery } from "./query.ts";
import { acceptsEventStream } from "./sse.ts";

const NAMES = new Set(["after", "limit"]);

/** `GET /{path}/{id}/events`: a page of what happened, in order, or a live stream for those who accept that. */
export function getHistory(kernel: Kernel, served: Served): Handler {
  const getPage = getHistoryPage(kernel, served);
  const getLive = getLiveHistory(kernel, served);
  return (call) => acceptsEventStream(call.request.headers) ? getLive(call) : getPage(call);
}

function getHistoryPage(kernel: Kernel, served: Served): Handler {
  return async (call) => {
    const query = readQuery(call.request.url, NAMES);
    if (query.is === "problem") return query;
    const id = parameter(call, "id");
    if (!isId(served.module.id, id)) {
      return problem("invalid_id", { detail: `Expected ${expectedId(served.module.id)}` });
    }
    const after = readNumber(query, { name: "after", fallback: 0, min: 0 });
    if (after.is === "problem") return after;
    const limit = readLimit(query, kernel.limits.page);
    if (limit.is === "problem") return limit;
    const { principal } = call;
    const page = await kernel.queries.history(served, { principal, id, after: after.value, limit: limit.value });
    if (page.is !== "found") return problem(page.is === "missing" ? "not_found" : "forbidden");
    const next = page.next === null ? null : String(page.next);
    return json(call, {
      body: { items: page.events.map(envelope), next: page.next },
      headers: { "cache-control": "no-cache", vary: "accept", ...nextLink(call, { query, next }) },
    });
  };
}
