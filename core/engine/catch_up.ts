import { type EventStore, type RecordedEvent, type Stream, Unavailable } from "../ports/event_store.ts";
import type { Parked } from "../ports/progress.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import { flush } from "./flush.ts";
import type { Parking } from "./parking.ts";
import type { SubscriptionMetrics } from "./subscription_metrics.ts";
import type { Tries } from "./tries.ts";

export type CatchUpParts = {
  readonly subscriber: Subscriber;
  readonly parking: Parking;
  readonly tries: Tries;
  readonly store: EventStore;
  readonly metrics: SubscriptionMetrics;
  /** Throws where it is not to be gone on with. */
  readonly goOn: () => void;
};

const FOLLOWERS_PER_COMMIT = 100;

/**
 * Delivers some of a parked aggregate's events, from the one that failed on, and frees it behind the last that has
 * passed by. The others wait for the next turn, so that the feed does not wait for them.
 */
export async function catchUp(parked: Parked, parts: CatchUpParts): Promise<void> {
  const { subscriber, parking, metrics } = parts;
  const { aggregateType, aggregateId, through, attempts } = parked;
  const stream = { aggregateType, aggregateId };
  const events = await followersOf(stream, { parked, store: parts.store });
  const last = events.at(-1)?.sequenceNumber ?? through;
  const unit = await subscriber.begin(events);
  if (attempts > 0) metrics.retried();
  const failed = await doAll(unit, events, { parked, parts });
  if (failed === undefined && attempts > 0) metrics.recovered();
  if (failed === undefined && last >= through) {
    await unit.commit({ checkpoint: null, park: [], unpark: [stream] });
    parking.free(stream);
    return;
  }
  const now = failed ?? { ...parked, from: last + 1, attempts: 0 };
  await unit.commit({ checkpoint: null, park: [now], unpark: [] });
  if (failed === undefined) parking.hold(now);
}

/** None where the last of them was skipped. */
async function followersOf(
  stream: Stream,
  { parked: { from, through }, store }: { parked: Parked; store: EventStore },
): Promise<readonly RecordedEvent[]> {
  if (from > through) return [];
  const limit = Math.min(FOLLOWERS_PER_COMMIT, through - from + 1);
  const events = await store.read(stream, { after: from - 1, limit });
  if (events.length === 0) throw new Unavailable(`Event ${from} of a parked aggregate cannot be read`);
  return events;
}

/** What to park, if one of them failed. */
async function doAll(
  unit: UnitOfWork,
  events: readonly RecordedEvent[],
  { parked: before, parts: { subscriber, tries, metrics, goOn } }: { parked: Parked; parts: CatchUpParts },
): Promise<Parked | undefined> {
  const applied: RecordedEvent[] = [];
  let parked: Parked | undefined;
  for (const event of events) {
    if (!subscriber.eventTypes.has(event.eventType)) continue;
    goOn();
    parked = await tries.attempt(unit, event, { applied, before });
    if (parked !== undefined) break;
  }
  const { aggregateType, aggregateId } = before;
  const progress = { checkpoint: null, park: [], unpark: [{ aggregateType, aggregateId }] };
  const { failed: [first], done } = await flush(unit, applied, { progress, goOn });
  metrics.handled(done);
  return first === undefined ? parked : tries.fail(first.event, first.error, before);
}
