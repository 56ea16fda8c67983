import type { Served } from "../../../core/engine/registry.ts";
import { answer } from "./answers.ts";
import { type JsonObject, jsonSchema, type Schemas, withMembers } from "./json_schema.ts";
import { FROM, LIVE_CONTENT } from "./live.ts";
import { operation } from "./operation.ts";
import { idSchema, limitParameter, queryParameter } from "./parameters.ts";
import { envelopeSchema, pageSchema, VERSION } from "./service_schemas.ts";

type Declared = { readonly schemas: Schemas; readonly id: JsonObject };

const NUMBER_MAX = 999_999_999_999_999;

/** `GET /{path}/{id}` */
export function stateOperation({ module }: Served, { schemas, id }: Declared): JsonObject {
  const presented = module.presented ?? (module.present === undefined ? module.state : undefined);
  const state = withMembers(presented === undefined ? {} : jsonSchema(presented), {
    first: { id: idSchema(module.id) },
    last: { version: VERSION },
  });
  const content = { "application/json": schemas.add(`${module.name}.state`, state) };
  return operation({
    id: `read_${module.name}`,
    tag: module.name,
    summary: "Read the state, as it is or as it was",
    headers: ["If-None-Match", "If-Match"],
    parameters: [
      id,
      queryParameter("version", "As of this version.", { type: "integer", minimum: 0, maximum: NUMBER_MAX }),
      queryParameter("at", "As of this moment, inclusive; not together with version.", {
        type: "string",
        format: "date-time",
      }),
    ],
    answers: {
      200: answer("The state.", { content, headers: ["ETag"] }),
      304: answer("You have it.", { headers: ["ETag"] }),
    },
    problems: [404, 412, 503, ...(module.allowRead === undefined ? [] : [403])],
  });
}

/** `GET /{path}/{id}/events` */
export function historyOperation(
  served: Served,
  { schemas, id, pageLimit }: Declared & { readonly pageLimit: number },
): JsonObject {
  const { module } = served;
  const cases = new Map(
    Object.entries(module.events).map(([type, shape]) => {
      const event = envelopeSchema(served, { type, data: jsonSchema(shape) });
      return [type, schemas.add(`${module.name}.events.${type}`, event)];
    }),
  );
  const event = schemas.addUnion(`${module.name}.event`, { by: "event_type", cases });
  const page = schemas.add(`${module.name}.history`, pageSchema(event, { type: ["integer", "null"] }));
  return operation({
    id: `list_${module.name}_events`,
    tag: module.name,
    summary: "Read the history, or follow it as it happens",
    headers: ["Last-Event-ID"],
    parameters: [
      id,
      queryParameter("after", "Events after this sequence number.", {
        type: "integer",
        minimum: 0,
        maximum: NUMBER_MAX,
      }),
      limitParameter(pageLimit),
      FROM,
    ],
    answers: {
      200: answer("Events in order.", { content: { "application/json": page, ...LIVE_CONTENT }, headers: ["Link"] }),
    },
    problems: [404, 503, ...(module.allowRead === undefined ? [] : [403])],
  });
}
