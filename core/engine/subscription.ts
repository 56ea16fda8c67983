import type { Changes } from "../ports/change_log.ts";
import { type RecordedEvent, streamKey, Superseded, Unavailable } from "../ports/event_store.ts";
import type { Checkpoint, Parked } from "../ports/progress.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import type { Life } from "../ports/supervision.ts";
import { ahead } from "./ahead.ts";
import { Breaker, type BreakerState } from "./breaker.ts";
import { flush } from "./flush.ts";
import { Parking } from "./parking.ts";
import { catchUp, type CatchUpParts } from "./catch_up.ts";
import { backoffMs } from "./retry.ts";
import type { SubscriptionParts } from "./subscription_parts.ts";
import { Tries } from "./tries.ts";

/** After so long without a failure, what waits for the next event waits for nothing else. */
const QUIET_MS = 5_000;

/**
 * Feeds one subscriber from its durable checkpoint on: in order for each aggregate, at least once, a page at a time.
 *
 * An event whose own handling fails parks its aggregate at once and durably, so that no other aggregate waits; later
 * events of the aggregate stay behind it and are read from the stream when it is tried again. While a dependency is
 * unavailable nothing is parked: the subscription goes back to its checkpoint and waits, behind a breaker if need be.
 * Operators' requests, to pause, to redrive and to skip, are carried out here.
 */
export class Subscription {
  readonly #subscriber: Subscriber;
  readonly #parts: SubscriptionParts;
  readonly #parking: Parking;
  readonly #tries: Tries;
  readonly #redelivery: CatchUpParts;
  readonly #breaker: Breaker;
  /** Of the last request that was carried out. */
  #request = 0;
  #checkpoint: Checkpoint | null = null;
  #failures = 0;
  #waitingFor: string | undefined;

  constructor(subscriber: Subscriber, parts: SubscriptionParts) {
    const { runtime, policy, log, metrics, breakerMs, maxParked } = parts;
    const { name } = subscriber;
    this.#subscriber = subscriber;
    this.#parts = parts;
    this.#parking = new Parking(runtime, policy, maxParked);
    this.#tries = new Tries({ ...parts, subscription: name, parking: this.#parking, request: () => this.#request });
    const goOn = () => this.#goOn();
    this.#redelivery = { ...parts, subscriber, parking: this.#parking, tries: this.#tries, goOn };
    const onTransition = (state: BreakerState) => {
      metrics.breakerBecame(state);
      log.warn("A circuit breaker changed its state", { breaker: name, to: state, reason: this.#waitingFor });
    };
    this.#breaker = new Breaker({ runtime, openMs: breakerMs, onTransition });
  }

  get name(): string {
    return this.#subscriber.name;
  }

  /** The last durable place; null before the first. */
  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  /** What it keeps back. */
  parked(): readonly Parked[] {
    return this.#parking.parked();
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  /** Why it makes no progress just now, if so. */
  get waitingFor(): string | undefined {
    return this.#waitingFor;
  }

  /** Runs until the signal aborts. Throws only what is a fault of the engine or of a plugin. */
  async run({ signal, beat, rest }: Life): Promise<void> {
    const { runtime, log, policy, requests } = this.#parts;
    while (!signal.aborted) {
      try {
        for (let ms = this.#breaker.waitMs(); ms > 0; ms = this.#breaker.waitMs()) await runtime.sleep(ms, { signal });
        beat();
        await requests.refresh();
        if (await this.#pausedUntilAsked({ signal, rest })) continue;
        await this.#resume();
        await this.#follow({ signal, beat, rest });
      } catch (error) {
        rest();
        if (signal.aborted) return;
        if (!(error instanceof Unavailable)) throw error;
        this.#failures += 1;
        this.#waitingFor = error.message;
        if (this.#failures === 1) log.warn("A subscription waits", { subscription: this.name, reason: error.message });
        if (!(error instanceof Superseded)) this.#breaker.failed();
        if (this.#breaker.state === "open") continue;
        await runtime.sleep(backoffMs(this.#failures, runtime, policy), { signal }).catch(() => {});
      }
    }
  }

  /** Whether it was paused, and is to look again. */
  async #pausedUntilAsked({ signal, rest }: Omit<Life, "beat">): Promise<boolean> {
    const { pause } = this.#parts.requests.orders.of(this.name);
    if (pause === undefined) return false;
    rest();
    this.#waitingFor = `paused by ${pause.by}: ${pause.reason}`;
    await this.#parts.requests.changed(signal);
    this.#waitingFor = undefined;
    return true;
  }

  async #resume(): Promise<void> {
    if (this.#failures > 0) this.#parts.metrics.retried();
    this.#subscriber.resume?.();
    const { checkpoint, parked } = await this.#subscriber.progress.load(this.name);
    this.#checkpoint = checkpoint;
    this.#parking.begin(parked);
    this.#request = 0;
  }

  /** Until the signal aborts or it is paused. */
  async #follow({ signal, beat, rest }: Life): Promise<void> {
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
        if (this.#obey() === "pause") return;
        const due = this.#parking.due();
        if (due !== undefined) await catchUp(due, this.#redelivery);
        rest();
        const page = await this.#firstOf(next);
        beat();
        if (page === "look again") continue;
        if (page.done || this.#obey() === "pause") return;
        const { more } = page.value;
        const committed = await this.#take(page.value);
        // The page that is ready behind this one is read while this one is written.
        if (more) next = ahead(pages);
        await committed.done;
        this.#succeeded();
        if (more) continue;
        await this.#subscriber.rest?.(signal);
        next = ahead(pages);
      }
    } finally {
      ended.abort();
      await pages.return?.();
    }
  }

  /** Throws where operators want it to stand still. */
  #goOn(): void {
    const { pause } = this.#parts.requests.orders.of(this.name);
    if (pause !== undefined) throw new Superseded(`It was paused: ${pause.reason}`);
  }

  /** Carries out what was asked since it last looked. */
  #obey(): "go on" | "pause" {
    const { orders: book } = this.#parts.requests;
    if (book.number === this.#request) return "go on";
    const orders = book.of(this.name);
    if (orders.pause !== undefined) return "pause";
    this.#parking.obey(orders);
    this.#request = orders.number;
    return "go on";
  }

  /** The next page, which ends when the subscription is to end, or that something else has to be done first. */
  async #firstOf(next: Promise<IteratorResult<Changes>>) {
    if (this.#parts.requests.orders.number !== this.#request) return "look again";
    const over = new AbortController();
    const { signal } = over;
    const waits: Promise<IteratorResult<Changes> | "look again">[] = [next];
    waits.push(this.#parts.requests.changed(signal).then(() => "look again"));
    const isDoubtful = this.#waitingFor !== undefined;
    const waitMs = Math.min(this.#parking.waitMs(), isDoubtful ? QUIET_MS : Infinity);
    if (waitMs < Infinity) waits.push(this.#parts.runtime.sleep(waitMs, { signal }).then(() => "look again"));
    for (const each of waits) each.catch(() => {});
    try {
      const first = await Promise.race(waits);
      if (isDoubtful && first === "look again" && waitMs === QUIET_MS) this.#waitingFor = undefined;
      return first;
    } finally {
      over.abort();
    }
  }

  #succeeded(): void {
    this.#breaker.succeeded();
    if (this.#failures > 0) this.#parts.metrics.recovered();
    this.#failures = 0;
    this.#waitingFor = undefined;
  }

  /** Hands a page over; it counts once what it gives back is done. */
  async #take(page: Changes): Promise<{ readonly done: Promise<void> }> {
    const unit = await this.#subscriber.begin(page.events);
    const applied: RecordedEvent[] = [];
    const noted = { applied };
    const park = new Map<string, Parked>();
    const { skips } = this.#parts.requests.orders.of(this.name);
    for (const event of page.events) {
      if (skips.size > 0 && skips.get(streamKey(event))?.from === event.sequenceNumber) continue;
      const parked = this.#parking.get(event);
      const trying = parked === undefined ? this.#tries.attempt(unit, event, noted) : this.#parking.show(parked, event);
      const now = trying instanceof Promise ? await trying : trying;
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
    const flushing = flush(unit, applied, { progress: update(), goOn: () => this.#goOn() });
    const { failed, done } = flushing instanceof Promise ? await flushing : flushing;
    this.#parts.metrics.handled(done);
    for (const { event, error } of failed) {
      const parked = this.#tries.fail(event, error);
      // What came behind it in this page was shown and not done.
      const last = events.findLast((each) => streamKey(each) === streamKey(event)) ?? event;
      park.set(streamKey(event), this.#parking.show(parked, last) ?? parked);
    }
    await unit.commit(update());
    this.#checkpoint = checkpoint;
  }
}
