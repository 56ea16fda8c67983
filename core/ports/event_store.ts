import type { Fields } from "../model/message.ts";
import { ref } from "./plugin.ts";

/** Names one aggregate's events. `aggregateType` is the module's name. */
export type Stream = { readonly aggregateType: string; readonly aggregateId: string };

/** One string per stream, for maps. */
export function streamKey({ aggregateType, aggregateId }: Stream): string {
  return `${aggregateType}/${aggregateId}`;
}

export type NewEvent = {
  /** A UUID, never reused. */
  readonly eventId: string;
  readonly eventType: string;
  readonly eventVersion: number;
  /** The event's own fields, without `type`; plain JSON. */
  readonly data: Fields;
  /** ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
  /** Which keyed command caused it, and what that command said; null when it had no key. */
  readonly commandId: string | null;
  readonly commandHash: string | null;
  readonly causationId: string | null;
  readonly correlationId: string | null;
  readonly userId: string | null;
  readonly metadata: Fields | null;
};

export type RecordedEvent = NewEvent & Stream & { readonly sequenceNumber: number };

/** `unknown`: it may or may not have been stored, and the store could not find out in time. */
export type AppendOutcome = "applied" | "conflict" | "unknown";

/**
 * The truth: append-only streams, numbered from 1 without gaps.
 *
 * `append` stores all events or none, at `expectedVersion + 1` and on, and only if the stream's version is
 * `expectedVersion` (0: the stream is new). `applied` is durable. Two appends never both take the same version.
 * Every call throws `Unavailable` when the storage cannot answer; an append that throws stored nothing.
 */
export type EventStore = {
  /** True while no other process can append: then what this process remembers of a stream is what is stored. */
  readonly soleWriter: boolean;
  append(
    stream: Stream,
    options: { readonly expectedVersion: number; readonly events: readonly NewEvent[] },
  ): Promise<AppendOutcome>;
  /** In order, those after sequence number `after`, at most `limit`; fewer only at the end of the stream. */
  read(
    stream: Stream,
    options: { readonly after: number; readonly limit: number },
  ): Promise<readonly RecordedEvent[]>;
  /** The last sequence number, 0 when the stream has no events. */
  version(stream: Stream): Promise<number>;
  /** Begins to answer commands with keys; only where other processes can append. */
  readonly attempt?: (stream: Stream, options: AttemptOptions) => Attempt;
};

export type AttemptOptions = {
  /** On the runtime's monotonic clock: later, nothing that the attempt had not seen before may count for it. */
  readonly deadlineMs: number;
};

/**
 * What makes final the answers to commands with keys. The same command may be under way elsewhere, and its append may
 * come at any time, unless somebody closes the stream to what was begun before. Whoever answers a key without an event
 * must have closed the stream first; an attempt that finds it closed by others must assume that its key was answered,
 * and then both calls throw `Unavailable`. They do so past the deadline, too, if they were not called before it.
 */
export type Attempt = {
  /** As the store's own; when applied, `closing` also does what `close` does. */
  append(
    options: { readonly expectedVersion: number; readonly events: readonly NewEvent[]; readonly closing: boolean },
  ): Promise<AppendOutcome>;
  /**
   * True: the stream was at this version, and no append that was begun before will be applied any more. False: it has
   * moved.
   */
  close(version: number): Promise<boolean>;
};

export const eventStoreRef = ref<EventStore>("event_store");

/** A dependency does not answer, or refuses to write. Nothing was changed; the same call may work later. */
export class Unavailable extends Error {
  override readonly name: string = "Unavailable";
}

/** Somebody else does the work now, or did it at the same time: no sign of a fault, and another try may go well. */
export class Superseded extends Unavailable {
  override readonly name = "Superseded";
}
