import { streamKey } from "../../../core/ports/event_store.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import type { Leases, Tenure } from "../leases.ts";
import { CqlError, type CqlSession } from "../session.ts";
import { announcedMinutes, type Announcement, inMinute } from "./announced.ts";
import { Bell } from "../../../core/engine/bell.ts";
import type { Head } from "./scan.ts";
import type { SliceSweep } from "./slice_sweep.ts";
import type { SubscriptionFeed } from "./subscription_feed.ts";
import { type FeedTimes, MINUTE_MS, minuteOf } from "./times.ts";
import { readWatermarks } from "./watermarks.ts";

export type SliceCareParts = {
  readonly session: CqlSession;
  readonly leases: Pick<Leases, "lowWater" | "setLowWater">;
  readonly clock: { nowMs(): number };
  readonly runtime: Runtime;
  readonly log: Log;
  readonly times: FeedTimes;
  readonly feed: SubscriptionFeed;
  readonly sweep: Pick<SliceSweep, "lowWater" | "moved" | "holds" | "content" | "finding">;
  /** Resolves once a scan that began after the call has shown all events of the slice, durably, or at the signal. */
  readonly scan: (slice: number, signal: AbortSignal) => Promise<void>;
};

type Reached = Head;
/** A stream that was not durably shown beyond an event. */
export type Missed = Reached & { readonly durable: number };

/** Beyond this many minutes it is worth to ask which of them hold anything. */
const MANY_MINUTES = 60;
const BACKOFF_MS = 500;

/**
 * Sees to it that one subscription misses nothing of one slice: finds again what was announced before this copy
 * listened, or while there was no room, and keeps up to which minute everything is durably done.
 */
export class SliceCare {
  readonly tenure: Tenure;
  readonly #parts: SliceCareParts;
  readonly #stopping = new AbortController();
  readonly #missed = new Bell();
  #missedFrom: number | undefined;
  /** Where a look for what was missed began that has not come to its end. */
  #lookedFrom: number | undefined;
  #lowWater: number | undefined;

  constructor(tenure: Tenure, parts: SliceCareParts) {
    this.tenure = tenure;
    this.#parts = parts;
  }

  /** Something announced in that minute, or later, has to be found again. */
  miss(minute: number): void {
    this.#missedFrom = Math.min(minute, this.#missedFrom ?? minute);
    this.#missed.ring();
  }

  get subscription(): string {
    return this.#parts.feed.name;
  }

  /** Those of the heads that lie behind the low water, and yet are neither durably shown nor about to be. */
  async missedOf(heads: readonly Head[], session: CqlSession): Promise<readonly Missed[]> {
    const { feed, times } = this.#parts;
    // While a subscription is being born it has no low water, and nothing is expected of it.
    const doneMs = (this.#lowWater ?? 0) * MINUTE_MS - times.auditGraceMs;
    const expected = heads.filter((head) => head.atMs < doneMs && !feed.isUnderWay(head));
    const missed = await this.#lacking(expected, session);
    const isFurther = (one: Missed, other: Missed) =>
      one.through > other.through && streamKey(one) === streamKey(other);
    return missed.filter((each) => !missed.some((other) => isFurther(other, each)));
  }

  /** Shows these streams to their ends. Resolves once there was room for all of them. */
  async show(missed: readonly Missed[]): Promise<void> {
    await this.#offer(missed.map((each) => ({ ...each, through: Infinity })), this.#stopping.signal);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Runs until it is stopped or the signal aborts, through outages. */
  async run(until: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, until]);
    const begun = await this.#through(() => this.#begin(signal), signal);
    if (begun === undefined) return;
    await Promise.all([this.#findMissed(signal), this.#advance(begun, signal)]);
  }

  /** Where the low water stands, and whether all events have to be scanned, too. */
  async #begin(signal: AbortSignal) {
    const { sweep, leases, clock, times, feed } = this.#parts;
    while (sweep.lowWater === undefined && !signal.aborted) await sweep.moved.next(signal);
    const settled = sweep.lowWater ?? 0;
    const stored = leases.lowWater(this.tenure.slice, feed.name);
    const needsScan = stored === undefined || stored < minuteOf(clock.nowMs() - times.scanBeyondMs);
    const first = needsScan ? settled : Math.min(stored, settled);
    return { first, needsScan };
  }

  async #findMissed(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    // The run before was given up on its way, and the low water may have moved on meanwhile.
    if (this.#lookedFrom !== undefined) this.miss(this.#lookedFrom);
    while (!signal.aborted) {
      const from = this.#missedFrom;
      if (from === undefined) {
        await this.#missed.next(signal);
        continue;
      }
      this.#missedFrom = undefined;
      this.#lookedFrom = from;
      const mayHold = await this.#filled(from, signal);
      for (let minute = from; minute <= minuteOf(clock.nowMs()) && !signal.aborted; minute += 1) {
        if (mayHold(minute)) await this.#through(() => this.#find(minute, signal), signal);
      }
      if (!signal.aborted) this.#lookedFrom = undefined;
    }
  }

  /** Which minutes from one on may hold anything: where there are many, it is asked for, unless the sweep has. */
  async #filled(from: number, signal: AbortSignal): Promise<(minute: number) => boolean> {
    const { session, clock, sweep } = this.#parts;
    const { slice } = this.tenure;
    const to = minuteOf(clock.nowMs()) - MANY_MINUTES;
    if (from > to) return () => true;
    if (sweep.holds(from) !== undefined) return (minute) => minute > to || sweep.holds(minute) !== false;
    const held = new Set(await this.#through(() => announcedMinutes(session, { slice, from, to, signal }), signal));
    return (minute) => minute > to || held.has(minute);
  }

  /** Whoever is not there yet will be told of by the sweep. */
  async #find(minute: number, signal: AbortSignal): Promise<void> {
    for await (const page of inMinute(this.#parts.session, { slice: this.tenure.slice, minute })) {
      await this.#offer(await this.#lacking(page.map(toReached)), signal);
      if (signal.aborted) return;
    }
  }

  async #advance(
    { first, needsScan }: { readonly first: number; readonly needsScan: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { sweep, leases, clock, runtime, times, feed, scan } = this.#parts;
    const { slice } = this.tenure;
    const { minutesBack, checkAgainMs: [shortMs, longMs] } = times;
    // What the scan shows need not be looked for; what comes while it runs is told, from before it began.
    if (needsScan) await scan(slice, signal);
    this.miss(first - minutesBack);
    const mayHold = await this.#filled(first, signal);
    for (let minute = first; !signal.aborted; minute += 1) {
      // Whoever stood still for so long finds nothing announced any more, and looks at everything instead.
      if (minute < minuteOf(clock.nowMs() - times.scanBeyondMs)) {
        const settled = sweep.lowWater ?? minute;
        await scan(slice, signal);
        if (signal.aborted) return;
        minute = Math.max(minute, settled);
      }
      this.#lowWater = minute;
      leases.setLowWater(slice, { subscription: feed.name, minute });
      while ((sweep.lowWater ?? 0) <= minute && !signal.aborted) await sweep.moved.next(signal);
      for (let waitMs = shortMs; !signal.aborted; waitMs = Math.min(2 * waitMs, longMs)) {
        if (!mayHold(minute) || await this.#through(() => this.#isDone(minute, signal), signal)) break;
        await runtime.sleep(waitMs, { signal }).catch(() => {});
      }
    }
  }

  /** Whether a settled minute is done durably; what is not is offered again. */
  async #isDone(minute: number, signal: AbortSignal): Promise<boolean> {
    const { session, sweep } = this.#parts;
    const { slice } = this.tenure;
    const content = sweep.content(minute);
    if (content !== undefined) {
      const reached = [...content.values()].map((each) => ({ ...each, atMs: minute * MINUTE_MS }));
      return await this.#offer(await this.#lacking(reached), signal);
    }
    let isDone = true;
    for await (const page of inMinute(session, { slice, minute })) {
      const lacking = await this.#lacking(page.map(toReached));
      const found = await Promise.all(lacking.map((each) => sweep.finding(each)));
      if (!await this.#offer(lacking.filter((_, at) => found[at] !== undefined), signal)) isDone = false;
    }
    return isDone;
  }

  /** Whether there was nothing to offer. */
  async #offer(all: readonly Reached[], signal: AbortSignal): Promise<boolean> {
    const { slice } = this.tenure;
    for (const { aggregateType, aggregateId, through, atMs } of all) {
      await this.#parts.feed.offerSlowly({ aggregateType, aggregateId, slice, through, atMs, events: [] }, signal);
    }
    return all.length === 0;
  }

  /** Those whose durable watermark is lower than what was reached. */
  async #lacking<T extends Reached>(
    all: readonly T[],
    session = this.#parts.session,
  ): Promise<readonly (T & { readonly durable: number })[]> {
    const { feed } = this.#parts;
    const positions = feed.positionsOf(this.tenure.slice);
    const durable = new Map<string, number | undefined>();
    const taken = all.filter((each) => feed.takes(each));
    for (const each of taken) durable.set(streamKey(each), positions?.get(streamKey(each))?.durable);
    const unknown = new Map(taken.map((each) => [streamKey(each), each]));
    for (const [key, known] of durable) if (known !== undefined) unknown.delete(key);
    for (const [key, watermark] of await readWatermarks(session, feed.name, [...unknown.values()])) {
      durable.set(key, watermark);
    }
    return taken.map((each) => ({ ...each, durable: durable.get(streamKey(each)) ?? 0 }))
      .filter((each) => each.durable < each.through);
  }

  /** Works until it succeeds; undefined when it was stopped before. */
  async #through<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    const { runtime, log, feed } = this.#parts;
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof CqlError)) throw error;
        log.debug("A slice is looked after again when the database answers", {
          subscription: feed.name,
          reason: error.message,
        });
        await runtime.sleep(BACKOFF_MS, { signal }).catch(() => {});
      }
    }
    return undefined;
  }
}

function toReached(announcement: Announcement): Announcement & Reached {
  return { ...announcement, through: announcement.expected + announcement.count };
}
