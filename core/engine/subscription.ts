import type { Changes } from "../ports/change_log.ts";
import type { ChangeSource } from "../ports/change_source.ts";
import { type EventStore, type RecordedEvent, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Checkpoint, Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import type { Log } from "../ports/telemetry.ts";
import { failedAt, Parking } from "./parking.ts";
import { backoffMs, MAX_TRIES } from "./retry.ts";

export type SubscriptionParts = {
  readonly changes: ChangeSource;
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: { handled(events: number): void; failed(): void };
};

const FOLLOWERS_PER_COMMIT = 100;

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
  readonly #parking: Parking;
  #resumed = false;
  #checkpoint: Checkpoint | null = null;
  #waitingFor: string | undefined;

  constructor(subscriber: Subscriber, parts: SubscriptionParts) {
    this.#subscriber = subscriber;
    this.#parts = parts;
    this.#parking = new Parking(parts.runtime);
  }

  get name(): string {
    return this.#subscriber.name;
  }

  /** The last durable place; null before the first. */
  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  get parkedCount(): number {
    return this.#parking.size;
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
    this.#subscriber.resume?.();
    const { checkpoint, parked } = await this.#subscriber.progress.load(this.name);
    this.#checkpoint = checkpoint;
    this.#parking.begin(parked, { fresh: !this.#resumed });
    this.#resumed = true;
  }

  async #follow(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const ended = new AbortController();
    const pages = this.#parts.changes.changes({
      subscription: this.name,
      after: this.#checkpoint,
      eventTypes: this.#subscriber.eventTypes,
      aggregateTypes: this.#subscriber.aggregateTypes,
      signal: AbortSignal.any([signal, ended.signal]),
    })[Symbol.asyncIterator]();
    try {
      let next = ahead(pages);
      while (!signal.aborted) {
        const due = this.#parking.due();
        if (due !== undefined) await this.#catchUp(due);
        const page = await this.#firstOf(next, signal);
        onProgress();
        if (page === "retry due") continue;
        if (page.done) return;
        const { more } = page.value;
        const committed = await this.#take(page.value);
        // The page that is ready behind this one is read while this one is written.
        if (more) next = ahead(pages);
        await committed.done;
        if (more) continue;
        await this.#subscriber.rest?.(signal);
        next = ahead(pages);
      }
    } finally {
      ended.abort();
      await pages.return?.();
    }
  }

  /** The next page, or that a parked aggregate is due before one has come: neither waits for long for the other. */
  async #firstOf(next: Promise<IteratorResult<Changes>>, signal: AbortSignal) {
    const waitMs = this.#parking.waitMs();
    if (waitMs === Infinity) return await next;
    const asleep = new AbortController();
    const due = this.#parts.runtime.sleep(waitMs, { signal: AbortSignal.any([signal, asleep.signal]) })
      .then(() => "retry due" as const);
    try {
      return await Promise.race([next, due]);
    } finally {
      asleep.abort();
      due.catch(() => {});
    }
  }

  /** Hands a page over; it counts once what it gives back is done. */
  async #take({ events, checkpoint }: Changes): Promise<{ readonly done: Promise<void> }> {
    const unit = await this.#subscriber.begin(events);
    const park = new Map<string, Parked>();
    for (const event of events) {
      const parked = this.#parking.get(event);
      const now = parked === undefined ? await this.#attempt(unit, event) : this.#parking.show(parked, event);
      if (now !== undefined) park.set(streamKey(now), now);
    }
    const done = unit.commit({ checkpoint, park: [...park.values()], unpark: [] }).then(() => {
      this.#checkpoint = checkpoint;
    });
    done.catch(() => {});
    return { done };
  }

  /** Undefined when the event went in, else what to park. */
  async #attempt(unit: UnitOfWork, event: RecordedEvent, before?: Parked): Promise<Parked | undefined> {
    const { runtime, metrics } = this.#parts;
    try {
      const applied = unit.apply(event);
      if (applied !== undefined) await applied;
      metrics.handled(1);
      return undefined;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      metrics.failed();
      const parked = failedAt(event, { error, before, now: new Date(runtime.now()).toISOString() });
      this.#parking.hold(parked);
      this.#report(event, parked);
      return parked;
    }
  }

  #report({ aggregateType, aggregateId, sequenceNumber, eventType }: RecordedEvent, { attempts, error }: Parked): void {
    const { log } = this.#parts;
    const fields = {
      subscription: this.name,
      aggregate_type: aggregateType,
      aggregate_id: aggregateId,
      sequence_number: sequenceNumber,
      event_type: eventType,
      error,
    };
    if (attempts === 1) log.warn("A subscriber failed on an event; it will be tried again", fields);
    if (attempts === MAX_TRIES) log.error("An aggregate is parked: a subscriber keeps failing on it", fields);
  }

  /**
   * Delivers some of a parked aggregate's events, from the one that failed on, and frees it behind the last that has
   * passed by. The others wait for the next turn, so that the feed does not wait for them.
   */
  async #catchUp(parked: Parked): Promise<void> {
    const { aggregateType, aggregateId, from, through } = parked;
    const stream = { aggregateType, aggregateId };
    const limit = Math.min(FOLLOWERS_PER_COMMIT, through - from + 1);
    const events = await this.#parts.store.read(stream, { after: from - 1, limit });
    const last = events.at(-1)?.sequenceNumber;
    if (last === undefined) throw new Unavailable(`Event ${from} of a parked aggregate cannot be read`);
    const unit = await this.#subscriber.begin(events);
    const failed = await this.#applyAll(unit, events, parked);
    if (failed === undefined && last >= through) {
      await unit.commit({ checkpoint: null, park: [], unpark: [stream] });
      this.#parking.free(stream);
    } else {
      const now = failed ?? { ...parked, from: last + 1, attempts: 0 };
      await unit.commit({ checkpoint: null, park: [now], unpark: [] });
      if (failed === undefined) this.#parking.hold(now);
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

/** The next page, which may never be asked for. */
function ahead(pages: AsyncIterator<Changes>): Promise<IteratorResult<Changes>> {
  const next = pages.next();
  next.catch(() => {});
  return next;
}
