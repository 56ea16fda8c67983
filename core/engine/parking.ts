import { type RecordedEvent, type Stream, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Log } from "../ports/telemetry.ts";
import { backoffMs, MAX_TRIES } from "./retry.ts";

/** Beyond this many the subscriber itself is broken, not its aggregates: the subscription waits for a restart. */
export const MAX_PARKED = 10_000;

/** A parked aggregate and when its next try is due on the monotonic clock: never, once its tries are used up. */
type Held = { readonly parked: Parked; readonly dueMs: number };

/** The aggregates one subscription keeps back, and when each is to be tried again. */
export class Parking {
  readonly #runtime: Runtime;
  readonly #held = new Map<string, Held>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Begins with what is stored. With `fresh` all have their tries again: somebody may have mended the subscriber. */
  begin(parked: readonly Parked[], { fresh }: { readonly fresh: boolean }): void {
    this.#held.clear();
    for (const each of parked) this.hold(fresh ? { ...each, attempts: 0 } : each);
  }

  get(stream: Stream): Parked | undefined {
    return this.#held.get(streamKey(stream))?.parked;
  }

  /** Keeps an aggregate back until its next try: at once when its last one went well, else after a while. */
  hold(parked: Parked): void {
    if (this.#held.size >= MAX_PARKED && this.get(parked) === undefined) {
      throw new Unavailable(`${MAX_PARKED} aggregates are parked: mend the subscriber and restart`);
    }
    this.#held.set(streamKey(parked), { parked, dueMs: this.#nextTryMs(parked.attempts) });
  }

  /** Notes an event that passed by; undefined when it is known already. */
  show(parked: Parked, event: RecordedEvent): Parked | undefined {
    if (event.sequenceNumber <= parked.through) return undefined;
    const shown = { ...parked, through: event.sequenceNumber };
    const key = streamKey(parked);
    this.#held.set(key, { parked: shown, dueMs: this.#held.get(key)?.dueMs ?? Infinity });
    return shown;
  }

  free(stream: Stream): void {
    this.#held.delete(streamKey(stream));
  }

  /** How long until the next try is due; 0 when one is, Infinity when none will be. */
  waitMs(): number {
    const dueMs = Math.min(Infinity, ...[...this.#held.values()].map((held) => held.dueMs));
    return Math.max(0, dueMs - this.#runtime.monotonicMs());
  }

  /** One that is due, the longest waiting first. */
  due(): Parked | undefined {
    let first: Held | undefined;
    for (const held of this.#held.values()) {
      if (first === undefined || held.dueMs < first.dueMs) first = held;
    }
    return first !== undefined && first.dueMs <= this.#runtime.monotonicMs() ? first.parked : undefined;
  }

  #nextTryMs(attempts: number): number {
    if (attempts >= MAX_TRIES) return Infinity;
    return this.#runtime.monotonicMs() + (attempts === 0 ? 0 : backoffMs(attempts, this.#runtime));
  }
}

/** What to park for an event that failed, with what is known of the tries before. */
export function failedAt(
  event: RecordedEvent,
  { error, before, now }: { error: unknown; before: Parked | undefined; now: string },
): Parked {
  const again = before?.from === event.sequenceNumber;
  return {
    aggregateType: event.aggregateType,
    aggregateId: event.aggregateId,
    from: event.sequenceNumber,
    through: Math.max(before?.through ?? 0, event.sequenceNumber),
    attempts: again ? before.attempts + 1 : 1,
    error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    firstFailedAt: again ? before.firstFailedAt : now,
    lastFailedAt: now,
  };
}

/** Says at its first and at its last try that an event failed. */
export function report(
  log: Log,
  subscription: string,
  { event, parked: { attempts, error } }: { event: RecordedEvent; parked: Parked },
): void {
  const fields = {
    subscription,
    aggregate_type: event.aggregateType,
    aggregate_id: event.aggregateId,
    sequence_number: event.sequenceNumber,
    event_type: event.eventType,
    error,
  };
  if (attempts === 1) log.warn("A subscriber failed on an event; it will be tried again", fields);
  if (attempts === MAX_TRIES) log.error("An aggregate is parked: a subscriber keeps failing on it", fields);
}
