import type { Served } from "../../../core/engine/registry.ts";
import type { Shape } from "../../../core/model/message.ts";
import type { Module } from "../../../core/model/module.ts";
import { answer, type ResponseHeader } from "./answers.ts";
import { type JsonObject, jsonSchema, type Schemas } from "./json_schema.ts";
import { operation } from "./operation.ts";
import type { RequestHeader } from "./parameters.ts";

const REQUEST_HEADERS: readonly RequestHeader[] = ["Idempotency-Key", "If-Match", "If-None-Match: *", "traceparent"];
const RESPONSE_HEADERS: readonly ResponseHeader[] = ["ETag", "Consistency-Token", "Idempotent-Replayed"];

/** The references to a module's commands by their types. */
export function commandSchemas({ module, commands }: Served, schemas: Schemas): ReadonlyMap<string, JsonObject> {
  return new Map([...commands].map(([type, schema]) => {
    const { description } = module.commands[type]?.meta() ?? {};
    const written = { ...jsonSchema(schema, "input"), ...(description === undefined ? {} : { description }) };
    return [type, schemas.add(`${module.name}.commands.${type}`, written)];
  }));
}

/** `POST /{path}` or `POST /{path}/{id}` */
export function commandOperation(
  module: Module,
  { id, summary, schema, types, parameters, headers, result }: {
    readonly id: string;
    readonly summary: string;
    readonly schema: JsonObject;
    readonly types: readonly string[];
    readonly parameters: readonly JsonObject[];
    readonly headers: readonly ResponseHeader[];
    readonly result: JsonObject;
  },
): JsonObject {
  const examples = types.flatMap((type) => exampleOf(module.commands[type], type));
  const done = { content: { "application/json": result }, headers: [...RESPONSE_HEADERS, ...headers] };
  return operation({
    id,
    tag: module.name,
    summary,
    headers: REQUEST_HEADERS,
    parameters,
    body: { schema, ...(examples.length === 0 ? {} : { examples: Object.fromEntries(examples) }) },
    answers: {
      200: answer("Done, or it was so already; the events are durable.", done),
      201: answer("The command created the aggregate; the events are durable.", done),
    },
    problems: [408, 409, 412, 413, 415, `${module.name}.422`, 503, ...(module.allow === undefined ? [] : [403])],
  });
}

/** The first of the examples that the module gives for a command. */
function exampleOf(shape: Shape | undefined, type: string): [string, JsonObject][] {
  const { examples, description } = shape?.meta() ?? {};
  if (!Array.isArray(examples) || examples.length === 0) return [];
  const summary = description === undefined ? type : `${type}: ${description}`;
  return [[type, { summary, value: { type, ...examples[0] } }]];
}
