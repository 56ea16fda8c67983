import type { JsonObject } from "./json_schema.ts";
import { type RequestHeader, requestHeader } from "./parameters.ts";

/** What each request may meet: a malformed parameter, another method, too many requests, a fault of the service. */
const EVERYWHERE = [400, 405, 429, 500];

/** One method of a path, in the words of OpenAPI; a problem is named by its status. */
export function operation({ id, tag, summary, headers = [], parameters = [], body, answers, problems }: {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly headers?: readonly RequestHeader[];
  readonly parameters?: readonly JsonObject[];
  readonly body?: JsonObject;
  readonly answers: JsonObject;
  readonly problems: readonly (number | `${string}.${number}`)[];
}): JsonObject {
  const names: readonly RequestHeader[] = ["X-Correlation-Id", ...headers];
  const refused = [...EVERYWHERE, ...problems].map((name) => [
    String(name).slice(-3),
    { $ref: `#/components/responses/${name}` },
  ]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    parameters: [...parameters, ...names.map(requestHeader)],
    ...(body === undefined ? {} : { requestBody: { required: true, content: { "application/json": body } } }),
    responses: { ...answers, ...Object.fromEntries(refused) },
  };
}
