import { z } from "zod";
import type { Source } from "../model/decider.ts";
import type { Message } from "../model/message.ts";
import type { Served } from "../engine/registry.ts";
import { expectPlainJson, freeze, SpecificationError } from "./comparison.ts";

/** What a specification stands on: the module, and where events stand that are not placed. */
export type Stage = { readonly served: Served; readonly id: string; readonly now: string };

/** An event, or an event with the aggregate it belongs to (`id`) and its moment (`at`, ISO 8601). */
export type Given<E extends Message> = E | { readonly event: E; readonly id?: string; readonly at?: string };

export type PlacedEvent = Source & { readonly event: Message };

/** Parses the events as declared, numbers them within their aggregates and freezes them. */
export function placeEvents({ served, id, now }: Stage, given: readonly Given<Message>[]): readonly PlacedEvent[] {
  const versions = new Map<string, number>();
  return given.map((each) => {
    const placed = isPlaced(each) ? each : { event: each };
    const { event, id: aggregateId = id, at: timestamp = now } = placed;
    const schema = served.events.get(event.type);
    if (schema === undefined) throw new SpecificationError(`${served.module.name} has no event "${event.type}"`);
    expectPlainJson(event.type, event);
    parseGiven(event.type, schema, event);
    const sequenceNumber = (versions.get(aggregateId) ?? 0) + 1;
    versions.set(aggregateId, sequenceNumber);
    const copy = freeze(structuredClone(event));
    return freeze({ event: copy, aggregateType: served.module.name, aggregateId, sequenceNumber, timestamp });
  });
}

/** Throws a `SpecificationError` for a value its schema refuses. */
export function parseGiven(what: string, schema: z.ZodType, value: unknown): void {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new SpecificationError(`${what} is not as declared\n${z.prettifyError(parsed.error)}`);
}

function isPlaced<E extends Message>(given: Given<E>): given is Exclude<Given<E>, E> {
  return !("type" in given);
}
