import type { Changes } from "../ports/change_log.ts";
import type { ChangeSource } from "../ports/change_source.ts";
import { type EventStore, type RecordedEvent, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Checkpoint, Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import type { Log } from "../ports/telemetry.ts";
import { flush } from "./flush.ts";
import { failedAt, Parking, report } from "./parking.ts";
import { backoffMs } from "./retry.ts";

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
  async #take(page: Changes): Promise<{ readonly done: Promise<void> }> {
    const unit = await this.#subscriber.begin(page.events);
    const applied: RecordedEvent[] = [];
    const park = new Map<string, Parked>();
    for (const event of page.events) {
      const parked = this.#parking.get(event);
      const now = parked === undefined
        ? await this.#attempt(unit, event, { applied })
        : this.#parking.show(parked, event);
      if (now !== undefined) park.set(streamKey(now), now);
    }
    const done = this.#finish(unit, page, { applied, park });
    done.catch(() => {});
    return { done };
  }

  /** Begins with the commit at once where nothing is to be done before it. */
  async #finish(
    unit: UnitOfWork,
    { events, checkpoint }: Changes,
    { applied, park }: { applied: readonly RecordedEvent[]; park: Map<string, Parked> },
  ): Promise<void> {
    const update = () => ({ checkpoint, park: [...park.values()], unpark: [] });
    const flushing = flush(unit, applied, update());
    const { failed, done } = flushing instanceof Promise ? await flushing : flushing;
    this.#parts.metrics.handled(done);
    for (const { event, error } of failed) {
      const parked = this.#fail(event, error);
      // What came behind it in this page was shown and not done.
      const last = events.findLast((each) => streamKey(each) === streamKey(event)) ?? event;
      park.set(streamKey(event), this.#parking.show(parked, last) ?? parked);
    }
    await unit.commit(update());
    this.#checkpoint = checkpoint;
  }

  /** Undefined when the event went in, and is then among those applied; else what to park. */
  async #attempt(
    unit: UnitOfWork,
    event: RecordedEvent,
    { applied, before }: { applied: RecordedEvent[]; before?: Parked },
  ): Promise<Parked | undefined> {
    try {
      const applying = unit.apply(event);
      if (applying !== undefined) await applying;
      applied.push(event);
      return undefined;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      return this.#fail(event, error, before);
    }
  }

  #fail(event: RecordedEvent, error: unknown, before?: Parked): Parked {
    const { runtime, log, metrics } = this.#parts;
    metrics.failed();
    const parked = failedAt(event, { error, before, now: new Date(runtime.now()).toISOString() });
    this.#parking.hold(parked);
    report(log, this.name, { event, parked });
    return parked;
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
    const failed = await this.#doAll(unit, events, parked);
    if (failed === undefined && last >= through) {
      await unit.commit({ checkpoint: null, park: [], unpark: [stream] });
      this.#parking.free(stream);
    } else {
      const now = failed ?? { ...parked, from: last + 1, attempts: 0 };
      await unit.commit({ checkpoint: null, park: [now], unpark: [] });
      if (failed === undefined) this.#parking.hold(now);
    }
  }

  /** What to park, if one of them failed. */
  async #doAll(unit: UnitOfWork, events: readonly RecordedEvent[], before: Parked): Promise<Parked | undefined> {
    const applied: RecordedEvent[] = [];
    let parked: Parked | undefined;
    for (const event of events) {
      if (!this.#subscriber.eventTypes.has(event.eventType)) continue;
      parked = await this.#attempt(unit, event, { applied, before });
      if (parked !== undefined) break;
    }
    const { aggregateType, aggregateId } = before;
    const progress = { checkpoint: null, park: [], unpark: [{ aggregateType, aggregateId }] };
    const { failed: [first], done } = await flush(unit, applied, progress);
    this.#parts.metrics.handled(done);
    return first === undefined ? parked : this.#fail(first.event, first.error, before);
  }
}

/** The next page, which may never be asked for. */
function ahead(pages: AsyncIterator<Changes>): Promise<IteratorResult<Changes>> {
  const next = pages.next();
  next.catch(() => {});
  return next;
}
