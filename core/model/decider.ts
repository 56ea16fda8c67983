import type { Json } from "./message.ts";

/** A decider's refusal of a command: an expected outcome, so a value and never an exception. */
export type Rejection<Code extends string = string> = { readonly rejected: Code; readonly detail?: Json };

export function reject<const Code extends string>(code: Code, detail?: Json): Rejection<Code> {
  return detail === undefined ? { rejected: code } : { rejected: code, detail };
}

/** Time and identity for `decide`, which has no clock of its own. */
export type Context = {
  /** The aggregate's id. */
  readonly id: string;
  /** The moment the events will carry: ISO 8601, UTC, milliseconds; never before the stream's last event. */
  readonly now: string;
  /** Makes a new UUID. */
  readonly newId: () => string;
};

/** Where an event stands. `timestamp` is ISO 8601 in UTC with milliseconds and never decreases within a stream. */
export type Source = {
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly sequenceNumber: number;
  readonly timestamp: string;
};

/**
 * The rules of an aggregate as pure, total, synchronous functions (Chassaing's decider).
 *
 * `decide` answers with the events a command causes, with none when what it asks is already so, or with a rejection;
 * it never throws. `evolve` folds one event into the state and returns the state unchanged for a type it does not know,
 * so that an older deploy can read a newer one's stream.
 */
export type Decider<C, E, S, Code extends string> = {
  readonly initialState: S;
  readonly decide: (command: C, state: S, context: Context) => readonly E[] | Rejection<Code>;
  readonly evolve: (state: S, event: E, source: Source) => S;
};
