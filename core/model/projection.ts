import type { z } from "zod";
import type { Source } from "./decider.ts";
import type { Fields, Message, MessageOf, Shape, Shapes } from "./message.ts";

/** How documents are found: those with an equal `by`, newest first by an ISO moment in `newestFirstBy`, ties by key. */
export type Index<Field extends string = string> = {
  readonly by: Field;
  readonly newestFirstBy?: Field;
  /** Compares in lower case, both what is stored and what is asked. */
  readonly ignoreCase?: true;
};

/**
 * Declares a read model: one document per `key` (the aggregate's id when left out), computed from events by pure
 * functions. A handler gets the document as it is (undefined: none yet) and returns what it becomes (undefined: gone).
 *
 * A raised `version` is a new incarnation, which is filled from the first event on. A document fed by several
 * streams must not depend on how their events interleave.
 */
export function defineProjection<
  const E extends Shapes,
  D extends Shape,
  const I extends Readonly<Record<string, Index<keyof z.output<NoInfer<D>> & string>>> = Record<never, never>,
>(projection: {
  readonly name: string;
  readonly version: number;
  readonly events: E;
  readonly document: D;
  readonly key?: (event: MessageOf<NoInfer<E>>, source: Source) => string | readonly string[];
  readonly on: {
    readonly [K in keyof E & string]?: (
      document: z.output<D> | undefined,
      event: MessageOf<Pick<E, K>>,
      source: Source,
      key: string,
    ) => z.output<D> | undefined;
  };
  readonly indexes?: I;
}) {
  return projection;
}

/** A projection whose own types are forgotten, as the engine runs it: methods, so that any projection is one. */
export type Projection = {
  readonly name: string;
  readonly version: number;
  readonly events: Shapes;
  readonly document: Shape;
  key?(event: Message, source: Source): string | readonly string[];
  readonly on: { readonly [eventType: string]: Handler | undefined };
  readonly indexes?: Readonly<Record<string, Index>>;
};

type Handler = {
  bivariant(document: Fields | undefined, event: Message, source: Source, key: string): Fields | undefined;
}["bivariant"];
