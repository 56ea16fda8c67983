import type { z } from "zod";
import type { Fields, MessageOf } from "../model/message.ts";
import type { Projection } from "../model/projection.ts";
import { expectSame, SpecificationError, twice } from "./comparison.ts";
import { type Given, parseGiven, type PlacedEvent, placeEvents, type Stage } from "./stage.ts";

export type ProjectionSpecification<P extends Projection> = {
  /** Events of one or several aggregates, each in order; given as `{ event, id, at }` where it matters. */
  given(...events: readonly Given<MessageOf<P["events"]>>[]): {
    /** The document at a key (the aggregate's id unless the projection makes keys), undefined when there is none. */
    then(key: string, document: z.output<P["document"]> | undefined): void;
    readonly keys: readonly string[];
  };
};

/**
 * Checks on the way that documents are as declared, that handlers are pure, and that the documents are the same
 * however the streams interleave: as given, and stream after stream in both orders.
 */
export function specifyProjection<P extends Projection>(stage: Stage, projection: P): ProjectionSpecification<P> {
  const { module } = stage.served;
  if (!module.projections?.includes(projection)) {
    throw new SpecificationError(`${projection.name} is not among the projections of the module ${module.name}`);
  }
  return {
    given(...given) {
      const events = placeEvents(stage, given);
      const documents = replay(projection, events);
      for (const order of otherOrders(events)) {
        const what = `The documents of ${projection.name} when its streams interleave otherwise`;
        expectSame(what, Object.fromEntries(replay(projection, order)), Object.fromEntries(documents));
      }
      return {
        keys: [...documents.keys()],
        then(key, expected) {
          expectSame(`The document ${key} of ${projection.name}`, documents.get(key), expected);
        },
      };
    },
  };
}

function replay(projection: Projection, events: readonly PlacedEvent[]): ReadonlyMap<string, Fields> {
  const documents = new Map<string, Fields>();
  for (const { event, ...source } of events) {
    const handler = projection.on[event.type];
    if (handler === undefined) continue;
    const made = twice(`key of ${projection.name}`, () => projection.key?.(event, source) ?? source.aggregateId);
    for (const key of typeof made === "string" ? [made] : made) {
      const what = `${projection.name} on ${event.type}`;
      const document = twice(what, () => handler(documents.get(key), event, source, key));
      if (document === undefined) documents.delete(key);
      else documents.set(key, document);
      if (document !== undefined) parseGiven(`The document of ${what}`, projection.document.strict(), document);
    }
  }
  return documents;
}

/** Stream after stream, in both orders. */
function otherOrders(events: readonly PlacedEvent[]): readonly (readonly PlacedEvent[])[] {
  const streams = [...Map.groupBy(events, ({ aggregateId }) => aggregateId).values()];
  return [streams.flat(), streams.reverse().flat()];
}
