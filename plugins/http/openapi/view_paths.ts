import type { ServedView } from "../../../core/engine/registry.ts";
import { answer } from "./answers.ts";
import { type JsonObject, jsonSchema, type Schemas, withMembers } from "./json_schema.ts";
import { operation } from "./operation.ts";
import {
  exampleId,
  idSchema,
  limitParameter,
  pathParameter,
  queryParameter,
  type RequestHeader,
} from "./parameters.ts";
import { pageSchema, VERSION } from "./service_schemas.ts";

const HEADERS: readonly RequestHeader[] = ["Consistency-Token", "Prefer"];

type Parts = {
  readonly schemas: Schemas;
  readonly pageLimit: number;
  /** Whether any module refuses reads: a Consistency-Token may be of each. */
  readonly isForbidding: boolean;
};

/** The paths of one view: its documents and one of them. */
export function viewPaths(
  { projection, served: { module } }: ServedView,
  { schemas, pageLimit, isForbidding }: Parts,
): JsonObject {
  const key = projection.key === undefined
    ? { schema: idSchema(module.id), example: exampleId(module) }
    : { schema: { type: "string", minLength: 1, maxLength: 512 } };
  const document = jsonSchema(projection.document);
  const name = `${module.name}.views.${projection.name}`;
  const item = schemas.add(name, withMembers(document, { first: { id: key.schema }, last: { version: VERSION } }));
  const page = schemas.add(`${name}.page`, pageSchema(item, { type: ["string", "null"] }));
  const about = {
    tag: module.name,
    headers: HEADERS,
    problems: [503, ...(isForbidding ? [403] : [])],
  };
  return {
    [`/views/${projection.name}`]: {
      get: operation({
        ...about,
        id: `find_${projection.name}`,
        summary: `Find documents of ${projection.name}`,
        parameters: [
          ...filters(projection.indexes, document),
          queryParameter("after", "The `next` of the page before.", { type: "string", maxLength: 4096 }),
          limitParameter(pageLimit),
        ],
        answers: {
          200: answer("A page of documents.", {
            content: { "application/json": page },
            headers: ["Link", "Preference-Applied"],
          }),
        },
      }),
    },
    [`/views/${projection.name}/{key}`]: {
      get: operation({
        ...about,
        id: `get_${projection.name}`,
        summary: `Read one document of ${projection.name}`,
        parameters: [pathParameter("key", { description: "The document's id.", ...key })],
        answers: {
          200: answer("The document.", { content: { "application/json": item }, headers: ["Preference-Applied"] }),
        },
        problems: [404, ...about.problems],
      }),
    },
  };
}

function filters(indexes: ServedView["projection"]["indexes"], document: JsonObject): JsonObject[] {
  const fields = document.properties as Readonly<Record<string, JsonObject>> | undefined;
  return Object.values(indexes ?? {}).map(({ by, newestFirstBy, ignoreCase }) => {
    const order = newestFirstBy === undefined ? "" : `, newest ${newestFirstBy} first`;
    const alike = ignoreCase === true ? " in whatever case" : "";
    const description = `Those whose ${by} is this${alike}${order}; one filter at a time.`;
    const field = fields?.[by];
    return queryParameter(by, description, field?.type === "string" ? field : { type: "string" });
  });
}
