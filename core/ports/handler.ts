import type { z } from "zod";
import type { Source } from "../model/decider.ts";
import type { Message, MessageOf, Shape } from "../model/message.ts";
import { manyRef } from "./plugin.ts";

export type Handling = {
  /** The same at every try of this event by this handler, for ever: whoever receives it can tell a repeat. */
  readonly idempotencyKey: string;
  /** Aborts when the time is up or the service stops: end soon, and throw. */
  readonly signal: AbortSignal;
};

/** Which event it is. */
export type EventSource = Source & { readonly eventId: string };

/**
 * Declares work in the outside world, a mail or a payment, that follows events: at least once, in order for each
 * aggregate, tried again and parked as any subscriber's. Each event is read by the handler's own schema, which should
 * let through fields that it does not know.
 *
 * `handle` resolves once the effect is there. It throws `Unavailable` when the outside does not answer, so that it
 * waits and nothing is parked, a `PermanentError` when no further try will help, and anything else when only this event
 * failed. `name` lasts: progress is kept under it. A new handler begins with the first event there is.
 */
export function defineHandler<const S extends Readonly<Record<string, Shape>>>(handler: {
  readonly name: string;
  /** How long one event may take, in milliseconds; 10 s when left out. */
  readonly timeoutMs?: number;
  /** The only modules whose events are meant; any when left out. */
  readonly modules?: readonly string[];
  readonly on: {
    readonly [K in keyof S & string]: {
      readonly schema: S[K];
      handle(event: MessageOf<Pick<S, K>>, source: EventSource, handling: Handling): Promise<void>;
    };
  };
}): Handler {
  return handler as unknown as Handler;
}

/** A handler whose own types are forgotten, as the engine runs it. */
export type Handler = {
  readonly name: string;
  readonly timeoutMs?: number;
  readonly modules?: readonly string[];
  readonly on: Readonly<
    Record<string, {
      readonly schema: z.ZodObject;
      handle(event: Message, source: EventSource, handling: Handling): Promise<void>;
    }>
  >;
};

export const handlerRef = manyRef<Handler>("handler");
