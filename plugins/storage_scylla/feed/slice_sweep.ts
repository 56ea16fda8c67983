import type { RecordedEvent, Stream } from "../../../core/ports/event_store.ts";
import type { Leases, Tenure } from "../leases.ts";
import { CqlError } from "../session.ts";
import { announcedMinutes, type Announcement, inMinute } from "./announced.ts";
import { Bell } from "../../../core/engine/bell.ts";
import { type Content, contentOf, type Finding } from "./findings.ts";
import { settle, type SettlementParts } from "./settlement.ts";
import { MINUTE_MS, minuteOf } from "./times.ts";

/** That a stream holds events up to `through`, some of which may come with it. */
export type Told = Stream & {
  readonly slice: number;
  readonly through: number;
  readonly atMs: number;
  readonly events: readonly RecordedEvent[];
};

export type SweepParts = SettlementParts & {
  readonly leases: Pick<Leases, "lowWater" | "setLowWater">;
  /** The database's time. */
  readonly clock: { nowMs(): number };
  readonly tell: (told: Told) => void;
  /** Whether it is known that an append of this copy was applied; resolves when one that is under way ends. */
  readonly applied: (commitId: string) => boolean | Promise<boolean>;
};

type Minute = {
  /** Of how many ages it was read; -1 when nobody has looked at it yet. */
  reads: number;
  readonly known: Map<string, Promise<Finding>>;
  content: Content | undefined;
};

/** The name under which a slice keeps up to which minute all that was announced is settled. */
export const SETTLED = "settled";
const MAX_OPEN = 2_000;
const MAX_KNOWN = 50_000;
const KEPT_MINUTES = 3;
const LOOK_MS = 500;
/** Beyond this many minutes it is worth to ask which of them hold anything. */
const MANY_MINUTES = 60;

/**
 * Settles every announcement of one slice during one tenure, and keeps up to which minute nothing is open any more.
 * A minute is passed by only after a read that began when nobody could add to it.
 */
export class SliceSweep {
  readonly tenure: Tenure;
  /** Rings when the low water has moved. */
  readonly moved = new Bell();
  readonly #parts: SweepParts;
  readonly #stopping = new AbortController();
  readonly #minutes = new Map<number, Minute>();
  readonly #contents = new Map<number, Content>();
  readonly #room = new Bell();
  #lowWater: number | undefined;
  #listed: { readonly from: number; readonly to: number; readonly held: ReadonlySet<number> } | undefined;
  #open = 0;
  #known = 0;

  constructor(tenure: Tenure, parts: SweepParts) {
    this.tenure = tenure;
    this.#parts = parts;
  }

  /** The first minute in which something may be open; undefined until that is known. */
  get lowWater(): number | undefined {
    return this.#lowWater;
  }

  /** Takes what was just announced. What does not fit, or belongs to no minute looked at, a later read will find. */
  take(announcements: readonly Announcement[]): number {
    const before = this.#known;
    for (const each of announcements) {
      const minute = this.#minutes.get(each.minute) ?? this.#next(each.minute);
      if (minute !== undefined && this.#open < MAX_OPEN) this.#find(minute, each);
    }
    return this.#known - before;
  }

  /** Whether anything may have been announced in a minute; undefined where this sweep has not asked. */
  holds(minute: number): boolean | undefined {
    if (this.#listed === undefined || minute < this.#listed.from || minute > this.#listed.to) return undefined;
    return this.#listed.held.has(minute);
  }

  /** How far the streams of a minute before the low water have come; undefined when it has to be read again. */
  content(minute: number): Content | undefined {
    return this.#contents.get(minute);
  }

  /** Looks again what became of an announcement. */
  finding(announcement: Announcement): Promise<Finding> {
    return this.#settle(announcement);
  }

  /** Runs until it is stopped or the signal aborts, through outages. */
  async run(until: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, until]);
    const { runtime, log } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.#sweep(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CqlError)) throw error;
        log.debug("A slice is swept again when the database answers", {
          slice: this.tenure.slice,
          reason: error.message,
        });
        await runtime.sleep(LOOK_MS, { signal }).catch(() => {});
      }
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, runtime, times } = this.#parts;
    if (this.#lowWater === undefined) await this.#begin(signal);
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      const lowWater = this.#lowWater ?? 0;
      for (let minute = minuteOf(nowMs); minute >= lowWater && !this.#minutes.has(minute); minute -= 1) {
        this.#add(minute, 0);
      }
      const agesPassed = (minute: number) =>
        times.rereadAgesMs.filter((ageMs) => (minute + 1) * MINUTE_MS + ageMs <= nowMs).length;
      const due = [...this.#minutes].find(([minute, { reads }]) => agesPassed(minute) > reads);
      if (due === undefined) await runtime.sleep(LOOK_MS, { signal });
      else await this.#read(due[0], { reads: agesPassed(due[0]), minute: due[1], signal });
    }
  }

  /** Begins some minutes before the stored low water, or with the first minute that holds anything. */
  async #begin(signal: AbortSignal): Promise<void> {
    const { session, leases, clock, times } = this.#parts;
    const { slice } = this.tenure;
    const current = minuteOf(clock.nowMs());
    const closed = minuteOf(clock.nowMs() - (times.rereadAgesMs.at(-1) ?? 0)) - 1;
    const stored = leases.lowWater(slice, SETTLED);
    const isFar = stored === undefined || stored < current - MANY_MINUTES;
    const oldest = minuteOf(clock.nowMs() - times.scanBeyondMs);
    const from = oldest - times.minutesBack;
    const held = isFar ? await announcedMinutes(session, { slice, from, to: current, signal }) : [];
    signal.throwIfAborted();
    if (isFar) this.#listed = { from, to: closed, held: new Set(held) };
    const first = Math.max(oldest, Math.min(stored ?? held[0] ?? closed, closed));
    for (let minute = first - times.minutesBack; minute <= current; minute += 1) {
      // What the list does not show may have been announced since, but hardly long ago.
      const isEmpty = isFar && minute < closed && !held.includes(minute);
      if (!isEmpty) this.#add(minute, -1);
      else if (minute >= first) this.#add(minute, times.rereadAgesMs.length).content = new Map();
    }
    this.#lowWater = first;
    this.#pass();
  }

  /** A minute that has just begun. */
  #next(minute: number): Minute | undefined {
    return this.#minutes.has(minute - 1) ? this.#add(minute, 0) : undefined;
  }

  #add(minute: number, reads: number): Minute {
    const added: Minute = { reads, known: new Map(), content: undefined };
    this.#minutes.set(minute, added);
    return added;
  }

  async #read(
    number: number,
    { reads, minute, signal }: { readonly reads: number; readonly minute: Minute; readonly signal: AbortSignal },
  ): Promise<void> {
    const { session, times, log } = this.#parts;
    const { slice } = this.tenure;
    const findings: Promise<Finding>[] = [];
    const isClosing = reads === times.rereadAgesMs.length;
    for await (const page of inMinute(session, { slice, minute: number })) {
      for (const each of page) {
        while (this.#open >= MAX_OPEN) await this.#room.next(signal);
        signal.throwIfAborted();
        const finding = this.#find(minute, each);
        if (isClosing) findings.push(finding);
      }
    }
    minute.reads = reads;
    if (!isClosing) return;
    Promise.all(findings).then((all) => {
      minute.content = contentOf(all);
      this.#known -= minute.known.size;
      minute.known.clear();
      this.#pass();
    }).catch((error) => {
      // They are the whole tenure's: the run that read the minute may have been given up.
      if (this.#stopping.signal.aborted) return;
      log.error("A minute cannot be settled; it stays open", { slice, minute: number, error: String(error) });
    });
  }

  /** Moves the low water over all minutes that are done, in their order. */
  #pass(): void {
    const before = this.#lowWater;
    for (let minute = this.#lowWater; minute !== undefined; minute = this.#lowWater) {
      const content = this.#minutes.get(minute)?.content;
      if (content === undefined) break;
      this.#minutes.delete(minute);
      this.#contents.set(minute, content);
      this.#contents.delete(minute - KEPT_MINUTES);
      this.#lowWater = minute + 1;
    }
    for (const minute of this.#minutes.keys()) {
      const isBehind = minute < (this.#lowWater ?? 0) && this.#minutes.get(minute)?.content !== undefined;
      if (isBehind) this.#minutes.delete(minute);
    }
    if (this.#lowWater === undefined) return;
    const progress = { subscription: SETTLED, minute: this.#lowWater };
    this.#parts.leases.setLowWater(this.tenure.slice, progress);
    if (before !== this.#lowWater) this.moved.ring();
  }

  #find(minute: Minute, announcement: Announcement): Promise<Finding> {
    const known = minute.known.get(announcement.commitId);
    if (known !== undefined) return known;
    const finding = this.#settle(announcement);
    finding.catch(() => {});
    if (this.#known < MAX_KNOWN) {
      this.#known += 1;
      minute.known.set(announcement.commitId, finding);
    }
    return finding;
  }

  async #settle(announcement: Announcement): Promise<Finding> {
    const { aggregateType, aggregateId, slice, expected, count, atMs, commitId } = announcement;
    const found = { aggregateType, aggregateId, through: expected + count };
    if (await this.#parts.applied(commitId)) return found;
    this.#open += 1;
    try {
      const settled = await settle(announcement, { ...this.#parts, signal: this.#stopping.signal });
      if (settled.is === "dead") return undefined;
      this.#parts.tell({ ...found, slice, atMs, events: settled.events });
      return found;
    } finally {
      this.#open -= 1;
      this.#room.ring();
    }
  }
}
