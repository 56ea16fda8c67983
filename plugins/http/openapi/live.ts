import { topicName } from "../../../core/engine/publication.ts";
import type { Served } from "../../../core/engine/registry.ts";
import { EVENT_STREAM } from "../sse.ts";
import { answer } from "./answers.ts";
import type { JsonObject } from "./json_schema.ts";
import { operation } from "./operation.ts";
import { queryParameter } from "./parameters.ts";

/** What a reader of server-sent events gets, beside JSON or instead of it. */
export const LIVE_CONTENT: Readonly<Record<string, JsonObject>> = {
  [EVENT_STREAM]: {
    type: "string",
    description: "Server-sent events: `id` to resume from, `event` the type, `data` the envelope as one line of JSON.",
  },
};

/** `?from=`: a live stream begins with what comes next unless it is told otherwise. */
export const FROM = queryParameter("from", "Only as server-sent events: begin with the first one.", {
  type: "string",
  enum: ["beginning"],
});

/** The path of what a module publishes. */
export function topicPath(served: Served): JsonObject {
  const { module } = served;
  const topic = topicName(served);
  return {
    [`/topics/${topic}`]: {
      get: operation({
        id: `follow_${module.name}_topic`,
        tag: module.name,
        summary: "Follow what is published, as it happens",
        headers: ["Last-Event-ID"],
        parameters: [queryParameter("after", "Events after this `id` of the topic.", { type: "string" }), FROM],
        answers: { 200: answer("Published events, as they come.", { content: LIVE_CONTENT }) },
        problems: [503, ...(module.allowRead === undefined ? [] : [403])],
      }),
    },
  };
}
