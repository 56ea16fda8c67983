import { z } from "zod";
import type { Served } from "../../../core/engine/registry.ts";
import { type JsonObject, jsonSchema, withMembers } from "./json_schema.ts";
import { idSchema } from "./parameters.ts";

const sequenceNumber = z.int().min(1).meta({ description: "Counts an aggregate's events from 1, without gaps." });
const version = z.int().min(0).meta({ description: "The number of the last event." });
const health = z.enum(["pass", "warn", "fail"]);

export const VERSION: JsonObject = jsonSchema(version);

export const problemSchema = jsonSchema(
  z.strictObject({
    type: z.string().meta({ description: "The path of the page that explains it." }),
    title: z.string(),
    status: z.int(),
    detail: z.string().exactOptional(),
    instance: z.string().meta({ description: "The path of the request." }),
    correlation_id: z.guid(),
    errors: z.array(z.strictObject({
      pointer: z.string().meta({ description: "Where in the body, like `#/items/0/quantity`." }),
      detail: z.string(),
    })).exactOptional(),
    rejection: z.unknown().meta({ description: "What the module says of its refusal." }).optional(),
    idempotency_key: z.string().meta({ description: "The key to send the command again with." }).exactOptional(),
  }).meta({ description: "RFC 9457" }),
);

export const healthSchema = jsonSchema(
  z.strictObject({
    status: health,
    checks: z.record(z.string(), z.strictObject({ status: health, reason: z.string().exactOptional() })),
  }),
);

/** What a command is answered with: nothing in `events` when what it asks was so already. */
export function resultSchema(): JsonObject {
  return jsonSchema(
    z.strictObject({
      id: z.string(),
      version,
      events: z.array(z.strictObject({ event_id: z.guid(), sequence_number: sequenceNumber, event_type: z.string() })),
    }),
  );
}

const envelope = z.strictObject({
  event_version: z.int().min(1),
  causation_id: z.string().nullable(),
  correlation_id: z.string().nullable(),
  user_id: z.string().nullable(),
  timestamp: z.iso.datetime(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
});

/** One type of event, as a history shows it. */
export function envelopeSchema({ module }: Served, { type, data }: { type: string; data: JsonObject }): JsonObject {
  const { $defs = {}, ...own } = data;
  return withMembers({ ...jsonSchema(envelope), $defs }, {
    first: {
      event_id: jsonSchema(z.guid()),
      aggregate_type: { const: module.name },
      aggregate_id: idSchema(module.id),
      sequence_number: jsonSchema(sequenceNumber),
      event_type: { const: type },
      event_data: own,
    },
  });
}

export function pageSchema(items: JsonObject, next: JsonObject): JsonObject {
  return {
    type: "object",
    properties: { items: { type: "array", items }, next },
    required: ["items", "next"],
    additionalProperties: false,
  };
}
