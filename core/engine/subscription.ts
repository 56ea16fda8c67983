import type { Changes, ChangeSource } from "../ports/change_source.ts";
import { type EventStore, type RecordedEvent, type Stream, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Checkpoint, Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import type { Log } from "../ports/telemetry.ts";
import { backoffMs, MAX_TRIES } from "./retry.ts";

export type SubscriptionParts = {
  readonly changes: ChangeSource;
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: { handled(events: number): void; failed(): void };
};

/** Beyond this many, the subscriber itself is broken, not its aggregates: the subscription stops rather than go on. */
export const MAX_PARKED = 10_000;
const FOLLOWERS_PER_COMMIT = 100;

/** A parked aggregate and when its next try is due on the monotonic clock; undefined once its tries are used up. */
type Held = { parked: Parked; dueMs: number | undefined };

/**
 * Feeds one subscriber from its durable checkpoint on: in order for each aggregate, at least once, a page at a time.
 *
 * An event whose own handling fails parks its aggregate at once and durably, so that no other aggregate waits; later
 * events of the aggregate stay behind it and are read from the stream when it is tried again. While a storage is
 * unavailable nothing is parked: the subscription goes back to its checkpoint and waits.
 */
export class Subscription {
  readonly #subscriber: Subscriber;
  readonly #parts: SubscriptionParts;
  readonly #held = new Map<string, Held>();
  #checkpoint: Checkpoint | null = null;
  #waitingFor: string | undefined;

  constructor(subscriber: Subscriber, parts: SubscriptionParts) {
    this.#subscriber = subscriber;
    this.#parts = parts;
  }

  get name(): string {
    return this.#subscriber.name;
  }

  /** The last durable place; null before the first. */
  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  get parkedCount(): number {
    return this.#held.size;
  }

  /** Why it makes no progress just now, if so. */
  get waitingFor(): string | undefined {
    return this.#waitingFor;
  }

  /** Runs until the signal aborts. Throws only what is a fault of the engine or of a plugin. */
  async run(signal: AbortSignal): Promise<void> {
    const { runtime, log } = this.#parts;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#resume();
        await this.#follow(signal, () => {
          failures = 0;
          this.#waitingFor = undefined;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Unavailable)) throw error;
        failures += 1;
        this.#waitingFor = error.message;
        if (failures === 1) log.warn("A subscription waits", { subscription: this.name, reason: error.message });
        await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      }
    }
  }

  async #resume(): Promise<void> {
    const { checkpoint, parked } = await this.#subscriber.progress.load(this.name);
    this.#checkpoint = checkpoint;
    this.#held.clear();
    for (const each of parked) this.#hold(each);
  }

  async #follow(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const ended = new AbortController();
    const pages = this.#parts.changes.changes({
      after: this.#checkpoint,
      eventTypes: this.#subscriber.eventTypes,
      signal: AbortSignal.any([signal, ended.signal]),
    })[Symbol.asyncIterator]();
    try {
      let next = pages.next();
      next.catch(() => {});
      for (;;) {
        const page = await this.#firstOf(next, signal);
        if (page === "retry due") {
          await this.#retryDue();
        } else {
          if (page.done) return;
          await this.#take(page.value);
          next = pages.next();
          next.catch(() => {});
        }
        onProgress();
      }
    } finally {
      ended.abort();
      await pages.return?.();
    }
  }

  /** The next page, or that a parked aggregate is due before one has come. */
  async #firstOf(next: Promise<IteratorResult<Changes>>, signal: AbortSignal) {
    const { runtime } = this.#parts;
    const dueMs = Math.min(...[...this.#held.values()].map((held) => held.dueMs ?? Infinity));
    if (dueMs === Infinity) return await next;
    const asleep = new AbortController();
    const due = runtime.sleep(Math.max(0, dueMs - runtime.monotonicMs()), {
      signal: AbortSignal.any([signal, asleep.signal]),
    }).then(() => "retry due" as const);
    try {
      return await Promise.race([next, due]);
    } finally {
      asleep.abort();
      due.catch(() => {});
    }
  }

  async #take({ events, checkpoint }: Changes): Promise<void> {
    const unit = await this.#subscriber.begin(events);
    const park = new Map<string, Parked>();
    for (const event of events) {
      const key = streamKey(event);
      const parked = this.#held.get(key)?.parked;
      const now = parked === undefined ? await this.#attempt(unit, event) : behind(parked, event);
      if (now !== undefined) park.set(key, this.#hold(now, parked));
    }
    await unit.commit({ checkpoint, park: [...park.values()], unpark: [] });
    this.#checkpoint = checkpoint;
  }

  /** Undefined when the event went in, else what to park. */
  async #attempt(unit: UnitOfWork, event: RecordedEvent, before?: Parked): Promise<Parked | undefined> {
    const { runtime, log, metrics } = this.#parts;
    try {
      const applied = unit.apply(event);
      if (applied !== undefined) await applied;
      metrics.handled(1);
      return undefined;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      metrics.failed();
      const parked = failedAt(event, { error, before, now: new Date(runtime.now()).toISOString() });
      const { aggregateType, eventType } = event;
      const fields = { subscription: this.name, aggregateType, eventType, error: parked.error };
      if (parked.attempts === 1) log.warn("A subscriber failed on an event; it will be tried again", fields);
      if (parked.attempts === MAX_TRIES) log.error("An aggregate is parked: a subscriber keeps failing on it", fields);
      return parked;
    }
  }

  #hold(parked: Parked, before?: Parked): Parked {
    const { runtime } = this.#parts;
    const key = streamKey(parked);
    const known = this.#held.get(key);
    const tried = before === undefined || before.attempts !== parked.attempts || before.from !== parked.from;
    const dueMs = parked.attempts >= MAX_TRIES
      ? undefined
      : tried || known === undefined
      ? runtime.monotonicMs() + backoffMs(Math.max(1, parked.attempts), runtime)
      : known.dueMs;
    this.#held.set(key, { parked, dueMs });
    if (this.#held.size > MAX_PARKED) {
      throw new Unavailable(`${this.name} has parked ${MAX_PARKED} aggregates: mend the projection and restart`);
    }
    return parked;
  }

  async #retryDue(): Promise<void> {
    const nowMs = this.#parts.runtime.monotonicMs();
    for (const { parked, dueMs } of [...this.#held.values()]) {
      if (dueMs !== undefined && dueMs <= nowMs) await this.#catchUp(parked);
    }
  }

  /** Delivers a parked aggregate's events, from the one that failed to the last that passed by, and frees it. */
  async #catchUp(start: Parked): Promise<void> {
    const { store } = this.#parts;
    for (let parked = start; parked.from <= parked.through;) {
      const limit = Math.min(FOLLOWERS_PER_COMMIT, parked.through - parked.from + 1);
      const events = await store.read(parked, { after: parked.from - 1, limit });
      if (events.length === 0) throw new Unavailable(`Event ${parked.from} of a parked aggregate cannot be read`);
      const unit = await this.#subscriber.begin(events);
      const failed = await this.#applyAll(unit, events, parked);
      const last = events.at(-1)?.sequenceNumber ?? parked.through;
      const now = failed ?? { ...parked, from: last + 1, attempts: 0 };
      const free = now.from > now.through;
      await unit.commit({ checkpoint: null, park: free ? [] : [now], unpark: free ? [streamOf(now)] : [] });
      if (free) this.#held.delete(streamKey(now));
      else this.#hold(now, parked);
      if (failed !== undefined) return;
      parked = now;
    }
  }

  async #applyAll(unit: UnitOfWork, events: readonly RecordedEvent[], parked: Parked): Promise<Parked | undefined> {
    for (const event of events) {
      if (!this.#subscriber.eventTypes.has(event.eventType)) continue;
      const failed = await this.#attempt(unit, event, parked);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }
}

function streamOf({ aggregateType, aggregateId }: Stream): Stream {
  return { aggregateType, aggregateId };
}

function behind(parked: Parked, event: RecordedEvent): Parked | undefined {
  return event.sequenceNumber <= parked.through ? undefined : { ...parked, through: event.sequenceNumber };
}

function failedAt(
  event: RecordedEvent,
  { error, before, now }: { error: unknown; before: Parked | undefined; now: string },
): Parked {
  const again = before?.from === event.sequenceNumber;
  return {
    ...streamOf(event),
    from: event.sequenceNumber,
    through: Math.max(before?.through ?? 0, event.sequenceNumber),
    attempts: again ? before.attempts + 1 : 1,
    error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    firstFailedAt: again ? before.firstFailedAt : now,
    lastFailedAt: now,
  };
}
