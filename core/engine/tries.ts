import { type RecordedEvent, Unavailable } from "../ports/event_store.ts";
import type { Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import { PermanentError, type UnitOfWork } from "../ports/subscriber.ts";
import type { Log } from "../ports/telemetry.ts";
import type { Parking } from "./parking.ts";
import type { RetryPolicy } from "./retry.ts";
import type { SubscriptionMetrics } from "./subscription_metrics.ts";

export type TriesParts = {
  readonly subscription: string;
  readonly parking: Parking;
  readonly policy: RetryPolicy;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: SubscriptionMetrics;
  /** The number of the last request of operators that is known. */
  readonly request: () => number;
};

/** Where what goes in is noted, and what is known of the tries before. */
type Try = { readonly applied: RecordedEvent[]; readonly before?: Parked };

/** Hands events over one at a time, and keeps back the aggregates of those that fail. */
export class Tries {
  readonly #parts: TriesParts;

  constructor(parts: TriesParts) {
    this.#parts = parts;
  }

  /** Undefined when the event went in, and is then among those applied; else what to park. At once where it can be. */
  attempt(
    unit: UnitOfWork,
    event: RecordedEvent,
    given: Try,
  ): Parked | undefined | Promise<Parked | undefined> {
    try {
      const applying = unit.apply(event);
      if (applying !== undefined) return this.#whenApplied(applying, event, given);
      given.applied.push(event);
      return undefined;
    } catch (error) {
      return this.#orFail(event, error, given.before);
    }
  }

  async #whenApplied(applying: Promise<void>, event: RecordedEvent, { applied, before }: Try) {
    try {
      await applying;
      applied.push(event);
      return undefined;
    } catch (error) {
      return this.#orFail(event, error, before);
    }
  }

  #orFail(event: RecordedEvent, error: unknown, before: Parked | undefined): Parked {
    if (error instanceof Unavailable) throw error;
    return this.fail(event, error, before);
  }

  /** What to park for an event that failed, with what is known of the tries before. */
  fail(event: RecordedEvent, error: unknown, before?: Parked): Parked {
    const { runtime, policy, parking, metrics } = this.#parts;
    metrics.failed();
    const now = new Date(runtime.now()).toISOString();
    const again = before?.from === event.sequenceNumber;
    const attempts = again ? before.attempts + 1 : 1;
    const givenUp = error instanceof PermanentError || attempts >= policy.tries;
    const parked = {
      aggregateType: event.aggregateType,
      aggregateId: event.aggregateId,
      from: event.sequenceNumber,
      through: Math.max(before?.through ?? 0, event.sequenceNumber),
      eventType: event.eventType,
      attempts,
      givenUp,
      request: Math.max(before?.request ?? 0, this.#parts.request()),
      error: chainOf(error),
      firstFailedAt: again ? before.firstFailedAt : now,
      lastFailedAt: now,
    };
    parking.hold(parked);
    if (givenUp) metrics.gaveUp();
    this.#report(parked, event.correlationId);
    return parked;
  }

  /** Says at its first and at its last try that an event failed. */
  #report(parked: Parked, correlationId: string | null): void {
    const { aggregateType, aggregateId, from, eventType, attempts, givenUp, error } = parked;
    const { subscription, log } = this.#parts;
    const fields = {
      subscription,
      aggregate_type: aggregateType,
      aggregate_id: aggregateId,
      sequence_number: from,
      event_type: eventType,
      correlation_id: correlationId,
      error,
    };
    if (givenUp) log.error("An aggregate is parked: a subscriber keeps failing on it", fields);
    else if (attempts === 1) log.warn("A subscriber failed on an event; it will be tried again", fields);
  }
}

const LONGEST_CHAIN = 5;
const LONGEST_TEXT = 2_000;

/** An error and what caused it, each as "Name: message". */
function chainOf(error: unknown): string {
  const texts: string[] = [];
  for (let each = error; each !== undefined && texts.length < LONGEST_CHAIN;) {
    texts.push(each instanceof Error ? `${each.name}: ${each.message}` : String(each));
    each = each instanceof Error ? each.cause : undefined;
  }
  return texts.join("; caused by ").slice(0, LONGEST_TEXT);
}
