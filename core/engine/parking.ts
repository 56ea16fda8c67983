import { type RecordedEvent, type Stream, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Parked } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import { matches, type Orders } from "./subscription_orders.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";

/** Beyond this many the subscriber itself is broken, not its aggregates: the subscription waits until one is freed. */
const MAX_PARKED = 10_000;

/**
 * A parked aggregate as it is stored, what is to be tried, which an operator may have changed, and when that is due on
 * the monotonic clock: never, once it is given up.
 */
type Held = { readonly parked: Parked; readonly toTry: Parked; readonly dueMs: number; readonly redrive?: Before };
/** What would be tried, and when, if there were no redrive. */
type Before = Pick<Held, "toTry" | "dueMs">;

/** The aggregates one subscription keeps back, and when each is to be tried again. */
export class Parking {
  readonly #runtime: Runtime;
  readonly #policy: RetryPolicy;
  readonly #max: number;
  readonly #held = new Map<string, Held>();

  constructor(runtime: Runtime, policy: RetryPolicy, max = MAX_PARKED) {
    this.#runtime = runtime;
    this.#policy = policy;
    this.#max = max;
  }

  get size(): number {
    return this.#held.size;
  }

  parked(): readonly Parked[] {
    return [...this.#held.values()].map(({ parked }) => parked);
  }

  /**
   * Begins with what is stored, however many: they may be those of several copies. What was not held before, as at a
   * start or when it is taken over from another copy, has its tries again: somebody may have mended the subscriber.
   */
  begin(parked: readonly Parked[]): void {
    const before = new Set(this.#held.keys());
    this.#held.clear();
    for (const each of parked) {
      this.#keep(before.has(streamKey(each)) ? each : { ...each, attempts: 0, givenUp: false });
    }
  }

  get(stream: Stream): Parked | undefined {
    return this.#held.size === 0 ? undefined : this.#held.get(streamKey(stream))?.parked;
  }

  /**
   * Keeps an aggregate back until its next try: at once when its last one went well, else after a while. Throws
   * `Unavailable` for one more than there may be.
   */
  hold(parked: Parked): void {
    if (this.#held.size >= this.#max && this.get(parked) === undefined) {
      const most = `${this.#held.size} aggregates are parked, and at most ${this.#max} may be`;
      throw new Unavailable(`${most}: mend the subscriber and restart, or redrive or skip some`);
    }
    this.#keep(parked);
  }

  #keep(parked: Parked): void {
    this.#held.set(streamKey(parked), { parked, toTry: parked, dueMs: this.#nextTryMs(parked) });
  }

  /** Notes an event that passed by; undefined when it is known already. */
  show(parked: Parked, event: RecordedEvent): Parked | undefined {
    if (event.sequenceNumber <= parked.through) return undefined;
    const through = event.sequenceNumber;
    const shown = { ...parked, through };
    const { toTry = shown, dueMs = Infinity, redrive } = this.#held.get(streamKey(parked)) ?? {};
    const before = redrive && { redrive: { ...redrive, toTry: { ...redrive.toTry, through } } };
    this.#held.set(streamKey(parked), { parked: shown, toTry: { ...toTry, through }, dueMs, ...before });
    return shown;
  }

  free(stream: Stream): void {
    this.#held.delete(streamKey(stream));
  }

  /**
   * Makes what operators ask for due, each request once: a skip at once, a redrive's aggregates one after the other, at
   * its rate, the longest waiting first. What a redrive that is over or cancelled had made due waits as before.
   */
  obey({ skips, redrive }: Orders): void {
    for (const [key, held] of this.#held) {
      if (held.redrive !== undefined) this.#held.set(key, { parked: held.parked, ...held.redrive });
    }
    for (const { toTry } of [...this.#held.values()]) {
      const skip = skips.get(streamKey(toTry));
      if (skip === undefined || skip.from !== toTry.from || toTry.request >= skip.number) continue;
      const { parked = toTry } = this.#held.get(streamKey(toTry)) ?? {};
      const next = { ...toTry, from: toTry.from + 1, request: skip.number };
      this.#held.set(streamKey(toTry), { parked, ...this.#again(next, 0) });
    }
    if (redrive === null) return;
    const { number, filter, perSecond } = redrive;
    const asked = [...this.#held.values()].filter(({ toTry: each }) => each.request < number && matches(filter, each));
    const inOrder = asked.toSorted((a, b) => a.toTry.firstFailedAt < b.toTry.firstFailedAt ? -1 : 1);
    for (const [at, { parked, toTry, dueMs }] of inOrder.entries()) {
      const next = this.#again({ ...toTry, request: number }, at * 1000 / perSecond);
      this.#held.set(streamKey(parked), { parked, ...next, redrive: { toTry, dueMs } });
    }
  }

  /** With all its tries, after a while. */
  #again(next: Parked, afterMs: number): Before {
    const dueMs = this.#runtime.monotonicMs() + afterMs;
    return { toTry: { ...next, attempts: 0, givenUp: false }, dueMs };
  }

  /** How long until the next try is due; 0 when one is, Infinity when none will be. */
  waitMs(): number {
    let dueMs = Infinity;
    for (const held of this.#held.values()) dueMs = Math.min(dueMs, held.dueMs);
    return Math.max(0, dueMs - this.#runtime.monotonicMs());
  }

  /** What to try of one that is due, the longest waiting first. */
  due(): Parked | undefined {
    let first: Held | undefined;
    for (const held of this.#held.values()) {
      if (first === undefined || held.dueMs < first.dueMs) first = held;
    }
    return first !== undefined && first.dueMs <= this.#runtime.monotonicMs() ? first.toTry : undefined;
  }

  #nextTryMs({ attempts, givenUp }: Parked): number {
    if (givenUp) return Infinity;
    return this.#runtime.monotonicMs() + (attempts === 0 ? 0 : backoffMs(attempts, this.#runtime, this.#policy));
  }
}
