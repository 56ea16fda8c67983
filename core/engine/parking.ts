import { type RecordedEvent, type Stream, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import { matches, type Orders } from "./subscription_orders.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";

/** Beyond this many the subscriber itself is broken, not its aggregates: the subscription waits for a restart. */
export const MAX_PARKED = 10_000;

/** A parked aggregate and when its next try is due on the monotonic clock: never, once it is given up. */
type Held = { readonly parked: Parked; readonly dueMs: number };

/** The aggregates one subscription keeps back, and when each is to be tried again. */
export class Parking {
  readonly #runtime: Runtime;
  readonly #policy: RetryPolicy;
  readonly #held = new Map<string, Held>();

  constructor(runtime: Runtime, policy: RetryPolicy) {
    this.#runtime = runtime;
    this.#policy = policy;
  }

  get size(): number {
    return this.#held.size;
  }

  parked(): readonly Parked[] {
    return [...this.#held.values()].map(({ parked }) => parked);
  }

  /** Begins with what is stored. With `fresh` all have their tries again: somebody may have mended the subscriber. */
  begin(parked: readonly Parked[], { fresh }: { readonly fresh: boolean }): void {
    this.#held.clear();
    for (const each of parked) this.hold(fresh ? { ...each, attempts: 0, givenUp: false } : each);
  }

  get(stream: Stream): Parked | undefined {
    return this.#held.get(streamKey(stream))?.parked;
  }

  /** Keeps an aggregate back until its next try: at once when its last one went well, else after a while. */
  hold(parked: Parked): void {
    if (this.#held.size >= MAX_PARKED && this.get(parked) === undefined) {
      throw new Unavailable(`${MAX_PARKED} aggregates are parked: mend the subscriber and restart`);
    }
    this.#held.set(streamKey(parked), { parked, dueMs: this.#nextTryMs(parked) });
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

  /**
   * Makes what operators ask for due, each request once: a skip at once, a redrive's aggregates one after the other, at
   * its rate, the longest waiting first.
   */
  obey({ skips, redrive }: Orders): void {
    for (const parked of this.parked()) {
      const skip = skips.get(streamKey(parked));
      if (skip === undefined || skip.from !== parked.from || parked.request >= skip.number) continue;
      this.#makeDue({ ...parked, from: parked.from + 1, request: skip.number }, 0);
    }
    if (redrive === null) return;
    const { number, filter, perSecond } = redrive;
    const asked = this.parked().filter((parked) => parked.request < number && matches(filter, parked));
    const inOrder = asked.toSorted((a, b) => a.firstFailedAt < b.firstFailedAt ? -1 : 1);
    for (const [at, parked] of inOrder.entries()) this.#makeDue({ ...parked, request: number }, at * 1000 / perSecond);
  }

  #makeDue(parked: Parked, afterMs: number): void {
    const dueMs = this.#runtime.monotonicMs() + afterMs;
    this.#held.set(streamKey(parked), { parked: { ...parked, attempts: 0, givenUp: false }, dueMs });
  }

  /** How long until the next try is due; 0 when one is, Infinity when none will be. */
  waitMs(): number {
    let dueMs = Infinity;
    for (const held of this.#held.values()) dueMs = Math.min(dueMs, held.dueMs);
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

  #nextTryMs({ attempts, givenUp }: Parked): number {
    if (givenUp) return Infinity;
    return this.#runtime.monotonicMs() + (attempts === 0 ? 0 : backoffMs(attempts, this.#runtime, this.#policy));
  }
}
