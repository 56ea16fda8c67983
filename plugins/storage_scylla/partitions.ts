import { hash } from "node:crypto";
import { MAX_EVENTS_PER_COMMIT } from "../../core/engine/decide.ts";
import type { Stream } from "../../core/ports/event_store.ts";
import type { CqlValue } from "./session.ts";
import { toText } from "../../core/engine/stored_text.ts";

/** Where things are kept; every copy must agree on it, for good. */
export type Layout = {
  /** So many events of a stream go into one partition, and no commit may have more. */
  readonly bucketEvents: number;
  /** The shares that the work of feeding subscriptions is cut into. */
  readonly slices: number;
};

export const LAYOUT: Layout = { bucketEvents: 50_000, slices: 8 };

/** The bucket of a commit whose stream is at version `expected`: the same one for all its events. */
export function bucketOf(expected: number, { bucketEvents }: Layout): number {
  return Math.floor(expected / bucketEvents);
}

/** With more, a commit might reach over a whole bucket. */
export function maxEventsPerCommit({ bucketEvents }: Layout): number {
  return Math.min(MAX_EVENTS_PER_COMMIT, bucketEvents);
}

/** The first bucket that may hold the event after this number; it is in this one or in the next. */
export function bucketAfter(after: number, layout: Layout): number {
  return bucketOf(Math.max(0, after + 1 - maxEventsPerCommit(layout)), layout);
}

/** From 0: the first 32 bits of SHA-256 of the JSON of both names, modulo the number of slices. */
export function sliceOf({ aggregateType, aggregateId }: Stream, slices: number): number {
  const digest = hash("sha256", JSON.stringify([aggregateType, aggregateId]), "hex");
  return parseInt(digest.slice(0, 8), 16) % slices;
}

/** What a statement on one partition of `event_store` begins its conditions with, and the values it takes. */
export const PARTITION = "aggregate_type = ? AND aggregate_id = ? AND bucket = ?";

export function partitionOf({ aggregateType, aggregateId }: Stream, bucket: number): readonly CqlValue[] {
  return [toText(aggregateType), toText(aggregateId), bucket];
}
