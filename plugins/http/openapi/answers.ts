import { PROBLEMS } from "../problems.ts";
import type { JsonObject } from "./json_schema.ts";

const HEADERS = {
  "X-Correlation-Id": {
    description: "The request's own, or one made for it.",
    required: true,
    schema: { type: "string", format: "uuid" },
  },
  "ETag": {
    description: "Of an aggregate its version; of anything else opaque.",
    required: true,
    schema: { type: "string", pattern: '^"[^"]+"$' },
  },
  "Consistency-Token": {
    description: "Names this write to a view. Opaque.",
    required: true,
    schema: { type: "string", pattern: "^[A-Za-z0-9_-]+$" },
  },
  "Location": {
    description: "The path of the new aggregate.",
    required: true,
    schema: { type: "string", format: "uri-reference" },
  },
  "Idempotent-Replayed": {
    description: "There when this is the answer that the key got the first time.",
    schema: { const: "true" },
  },
  "Link": {
    description: 'The page after this one, as `<path>; rel="next"`; there while there is more.',
    schema: { type: "string" },
  },
  "Preference-Applied": {
    description: "The `wait` that was honoured.",
    schema: { type: "string", pattern: "^wait=[0-9]+$" },
  },
  "Retry-After": {
    description: "In how many seconds to ask again.",
    required: true,
    schema: { type: "string", pattern: "^[0-9]+$" },
  },
  "WWW-Authenticate": {
    description: "What was missing or wrong, as RFC 6750 has it.",
    required: true,
    schema: { type: "string", pattern: "^Bearer" },
  },
  "Allow": {
    description: "The methods that this path takes.",
    required: true,
    schema: { type: "string" },
  },
} as const;

export type ResponseHeader = keyof typeof HEADERS;

const PROBLEM_HEADERS: Readonly<Record<number, readonly ResponseHeader[]>> = {
  401: ["WWW-Authenticate"],
  405: ["Allow"],
  429: ["Retry-After"],
  503: ["Retry-After", "Preference-Applied"],
};

export function responseHeaders(): JsonObject {
  return HEADERS;
}

type Content = Readonly<Record<string, JsonObject>>;

/** An answer with a body by media type, or none; every answer says which request it belongs to. */
export function answer(
  description: string,
  { content, headers = [] }: { readonly content?: Content; readonly headers?: readonly ResponseHeader[] } = {},
): JsonObject {
  const names: readonly ResponseHeader[] = ["X-Correlation-Id", ...headers];
  const media = Object.entries(content ?? {}).map(([type, schema]) => [type, { schema }]);
  return {
    description,
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    ...(content === undefined ? {} : { content: Object.fromEntries(media) }),
  };
}

/** The service's own problems by status. */
export function problemAnswers(problem: JsonObject): JsonObject {
  const statuses = new Set<number>(Object.values(PROBLEMS).map(({ status }) => status));
  return Object.fromEntries([...statuses].map((status) => [status, problemAnswer(problem, { status })]));
}

/** What one status may mean: the service's own problems and a module's rejections. */
export function problemAnswer(
  problem: JsonObject,
  { status, rejections = {} }: { readonly status: number; readonly rejections?: Readonly<Record<string, string>> },
): JsonObject {
  const own = Object.entries(PROBLEMS).filter(([, each]) => each.status === status);
  const titles = [...own.map(([code, { title }]) => [code, title]), ...Object.entries(rejections)];
  const types = titles.map(([code]) => `/problems/${code}`);
  const description = titles.map(([code, title]) => `- \`${code}\`: ${title}`).join("\n");
  const schema = { allOf: [problem, { properties: { type: { enum: types } } }] };
  return answer(description, {
    content: { "application/problem+json": schema },
    headers: PROBLEM_HEADERS[status] ?? [],
  });
}
