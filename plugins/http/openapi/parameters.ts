import type { IdPattern } from "../../../core/model/module.ts";
import { idPattern } from "../ids.ts";
import type { JsonObject } from "./json_schema.ts";

const HEX = "[0-9A-Fa-f]";
const HEADERS = {
  "X-Correlation-Id": {
    description: "Names the request in logs and in the events it causes; made when left out.",
    schema: { type: "string", format: "uuid", pattern: `^${HEX}{8}(?:-${HEX}{4}){3}-${HEX}{12}$` },
  },
  "Idempotency-Key": {
    description: "The same key and command again give the first answer and store nothing: 1 to 255 visible ASCII " +
      'characters, bare or within "".',
    schema: { type: "string", pattern: '^(?:"[!#-~]{1,255}"|[!#-~]{1,255})$' },
  },
  "If-Match": {
    description: 'Only if the aggregate is at this version, like `"3"`; `*`: if there is one.',
    schema: { anyOf: [{ const: "*" }, { type: "string", pattern: '^"[1-9][0-9]{0,14}"$' }] },
  },
  "Consistency-Token": {
    description: "From the answer to a command: the view shows that write, or the answer is 503; 403 to whoever may " +
      "not read what was written.",
    schema: { type: "string", pattern: "^[A-Za-z0-9_-]{1,512}$" },
  },
  "Prefer": {
    description: "`wait=<seconds>`: how long to wait for the write that Consistency-Token names; 2 when left out, at " +
      "most 30.",
    schema: { type: "string" },
  },
  "Last-Event-ID": {
    description: "Only as server-sent events: go on after the event with this `id`.",
    schema: { type: "string" },
  },
  "traceparent": {
    description: "W3C trace context, kept with the events.",
    schema: { type: "string" },
  },
} as const;

export type RequestHeader = keyof typeof HEADERS | "If-None-Match: *" | "If-None-Match";

/** `If-None-Match` means one thing to a command and another to a read. */
const CREATE_ONLY = {
  name: "If-None-Match",
  in: "header",
  description: "`*`: only if there is no such aggregate.",
  schema: { const: "*" },
};
const UNLESS_KNOWN = {
  name: "If-None-Match",
  in: "header",
  description: "The `ETag` of what you have: 304 while it is still so.",
  schema: { type: "string" },
};

/** A request header as a parameter of an operation. */
export function requestHeader(name: RequestHeader): JsonObject {
  return { $ref: `#/components/parameters/${componentName(name)}` };
}

export function requestHeaders(): JsonObject {
  const headers = Object.entries(HEADERS).map(([name, header]) => [name, { name, in: "header", ...header }]);
  return Object.fromEntries([
    ...headers,
    [componentName("If-None-Match: *"), CREATE_ONLY],
    [componentName("If-None-Match"), UNLESS_KNOWN],
  ]);
}

export function queryParameter(name: string, description: string, schema: unknown): JsonObject {
  return { name, in: "query", description, schema };
}

export function pathParameter(
  name: string,
  { description, schema, example }: { description: string; schema: JsonObject; example?: string },
): JsonObject {
  return { name, in: "path", required: true, description, schema, ...(example === undefined ? {} : { example }) };
}

export function idSchema(pattern: IdPattern): JsonObject {
  const format = pattern === "uuid" ? { format: "uuid" } : {};
  return { type: "string", ...format, pattern: idPattern(pattern).source };
}

/** An id to try the module with. */
export function exampleId({ id, name }: { readonly id: IdPattern; readonly name: string }): string {
  return id === "uuid" ? "0193b5a0-7c1e-7000-8000-000000000001" : `${name}-001`;
}

/** How many items a page has at most. */
export function limitParameter(max: number): JsonObject {
  const schema = { type: "integer", minimum: 1, maximum: max, default: Math.min(100, max) };
  return queryParameter("limit", "How many items at most.", schema);
}

function componentName(name: RequestHeader): string {
  return name === "If-None-Match: *" ? "If-None-Match.create" : name;
}
