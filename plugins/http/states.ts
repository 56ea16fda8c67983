import { z } from "zod";
import type { Moment } from "../../core/engine/queries.ts";
import type { Served } from "../../core/engine/registry.ts";
import { type Handler, json, type Kernel, parameter } from "./call.ts";
import { compareVersion } from "./headers.ts";
import { expectedId, isId } from "./ids.ts";
import { type Problem, problem } from "./problems.ts";
import { type Query, readNumber, readQuery } from "./query.ts";
import { respond } from "./respond.ts";

const NAMES = new Set(["version", "at"]);
const ISO_MOMENT = z.iso.datetime({ offset: true });

/** `GET /{path}/{id}`: the aggregate now, or as it was at `?version=` or `?at=`. */
export function getState(kernel: Kernel, served: Served): Handler {
  return async (call) => {
    const query = readQuery(call.request.url, NAMES);
    if (query.is === "problem") return query;
    const id = parameter(call, "id");
    if (!isId(served.module.id, id)) {
      return problem("invalid_id", { detail: `Expected ${expectedId(served.module.id)}` });
    }
    const asked = readMoment(query);
    if (asked.is === "problem") return asked;
    const { principal } = call;
    const found = await kernel.queries.state(served, { principal, id, moment: asked.moment });
    if (found.is === "out_of_range") {
      return problem("not_found", { detail: `The current version is ${found.currentVersion}` });
    }
    if (found.is !== "found") return problem(found.is === "missing" ? "not_found" : "forbidden");
    const compared = compareVersion(call.request.headers, found.version);
    if (typeof compared === "object") return compared;
    const headers = { etag: `"${found.version}"`, "cache-control": "no-cache" };
    if (compared === "not_modified") {
      return respond(null, { correlationId: call.correlationId, status: 304, headers });
    }
    return json(call, { body: { id, ...found.state, version: found.version }, headers });
  };
}

function readMoment(query: Query): { readonly is: "moment"; readonly moment?: Moment } | Problem {
  const at = query.values.get("at");
  if (at === undefined) {
    if (!query.values.has("version")) return { is: "moment" };
    const version = readNumber(query, { name: "version", fallback: 0, min: 0 });
    return version.is === "problem" ? version : { is: "moment", moment: { version: version.value } };
  }
  if (query.values.has("version")) return problem("invalid_query", { detail: "version and at exclude each other" });
  // A plus that was not escaped arrives as a space.
  const moment = ISO_MOMENT.safeParse(at.replace(" ", "+"));
  if (!moment.success) {
    return problem("invalid_query", { detail: "at must be an ISO 8601 moment like 2026-11-21T12:00:00.000Z" });
  }
  const inUtc = new Date(moment.data).toISOString();
  // Moments are compared as texts, and those of years with a sign sort before all others.
  if (!/^\d/.test(inUtc)) {
    return problem("invalid_query", { detail: "at must lie in the years 0000 to 9999 of UTC" });
  }
  return { is: "moment", moment: { at: inUtc } };
}
