import {
  type EventStore,
  type RecordedEvent,
  type Stream,
  streamKey,
  Unavailable,
} from "../../../core/ports/event_store.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import { inFlight } from "../../../core/engine/in_flight.ts";
import type { Announcement } from "./announced.ts";
import { Bell } from "../../../core/engine/bell.ts";
import { Poll, type PollParts } from "./poll.ts";
import type { FeedTimes } from "./times.ts";

export type WatchParts = Omit<PollParts, "times" | "runtime"> & {
  readonly runtime: Runtime;
  readonly reader: Pick<EventStore, "read">;
  readonly slices: number;
  readonly times: FeedTimes;
};
export type WatchOptions = {
  readonly eventTypes: ReadonlySet<string>;
  readonly wants: (stream: Stream) => boolean;
  readonly signal: AbortSignal;
};

/** A stream in which something was announced lately. */
type Watched = {
  readonly stream: Stream;
  /** Where its events are to be told from: behind those told, or a little before the first announcement seen. */
  after: number;
  /** Up to where it was announced to come. */
  through: number;
  seenMs: number;
  lookMs: number;
  looks: number;
};

/** How far before the first announcement seen of a stream one that is found later may be. */
const EVENTS_BACK = 20;
const READ_EVENTS = 100;
const READS = 16;
const MAX_STREAMS = 100_000;
const MAX_MINUTES = 5;
const MAX_GAP_MS = 180_000;
/** What was announced is looked at for longer than it may stay open. */
const PATIENCE_BEYOND_MS = 10_000;
const LOOK_BACK_EVERY_MS = 10_000;
/** How often those that nobody wanted are offered again: somebody may have come before their events have. */
const OFFER_AGAIN_MS = 1_000;

/** Tells of new events in the streams that somebody wants, from whichever process. It needs no lease. */
export class Watch {
  readonly #parts: WatchParts;
  readonly #options: WatchOptions;
  readonly #poll: Poll;
  readonly #streams = new Map<string, Watched>();
  readonly #rung = new Bell();

  constructor(parts: WatchParts, options: WatchOptions) {
    this.#parts = parts;
    this.#options = options;
    const { shortOverlapMs } = parts.times;
    const times = { shortOverlapMs, overlapMs: this.#patienceMs, overlapEveryMs: LOOK_BACK_EVERY_MS };
    this.#poll = new Poll({ ...parts, times });
  }

  /** Finds all whose events may come from now on. Throws a `CqlError`. */
  async look(): Promise<void> {
    const slices = Array.from({ length: this.#parts.slices }, (_, slice) => slice);
    for await (const page of this.#poll.look(slices, MAX_MINUTES)) for (const each of page) this.#notice(each);
  }

  /** This copy has appended something: there is no need to wait for the next poll. */
  ring(): void {
    this.#rung.ring();
  }

  /** Until the signal aborts. Throws a `CqlError`, and `Unavailable` when it cannot keep up. */
  async *events(): AsyncGenerator<readonly RecordedEvent[], void> {
    const { runtime, times } = this.#parts;
    const { signal } = this.#options;
    while (!signal.aborted) {
      if (this.#poll.gapMs > MAX_GAP_MS) {
        throw new Unavailable("A reader of live events has fallen behind for too long");
      }
      await this.look();
      for (let told = await this.#due(); told.length > 0; told = await this.#due()) yield told;
      const awake = new AbortController();
      const either = AbortSignal.any([signal, awake.signal]);
      await Promise.race([
        this.#rung.next(either),
        runtime.sleep(times.busyPollMs, { signal: either }).catch(() => {}),
      ]);
      awake.abort();
    }
  }

  get #patienceMs(): number {
    return this.#parts.times.fenceAfterMs + PATIENCE_BEYOND_MS;
  }

  #notice({ aggregateType, aggregateId, expected, count }: Announcement): void {
    const nowMs = this.#parts.runtime.monotonicMs();
    const stream = { aggregateType, aggregateId };
    const key = streamKey(stream);
    const through = expected + count;
    const known = this.#streams.get(key);
    if (known !== undefined && through <= Math.max(known.through, known.after)) return;
    if (this.#streams.size >= MAX_STREAMS) throw new Unavailable("More streams are appended to than can be watched");
    const after = known?.after ?? Math.max(0, expected - EVENTS_BACK);
    this.#streams.set(key, { stream, after, through, seenMs: nowMs, lookMs: nowMs, looks: 0 });
  }

  /** What has come of the streams whose turn it is. */
  async #due(): Promise<readonly RecordedEvent[]> {
    const { eventTypes, wants, signal } = this.#options;
    const nowMs = this.#parts.runtime.monotonicMs();
    const due: Watched[] = [];
    for (const [key, watched] of this.#streams) {
      if (nowMs - watched.seenMs > this.#patienceMs) this.#streams.delete(key);
      else if (watched.lookMs > nowMs || watched.after >= watched.through) continue;
      else if (wants(watched.stream)) due.push(watched);
      else watched.lookMs = nowMs + OFFER_AGAIN_MS;
    }
    const told: RecordedEvent[] = [];
    await inFlight(due, READS, async (watched) => {
      if (!signal.aborted) told.push(...await this.#read(watched, nowMs));
    });
    return told.filter(({ eventType }) => eventTypes.has(eventType));
  }

  async #read(watched: Watched, nowMs: number): Promise<readonly RecordedEvent[]> {
    const { reader, times: { lookAgainMs } } = this.#parts;
    const events = await reader.read(watched.stream, { after: watched.after, limit: READ_EVENTS });
    watched.after = events.at(-1)?.sequenceNumber ?? watched.after;
    if (events.length === READ_EVENTS) return events;
    watched.lookMs = nowMs + (lookAgainMs[watched.looks] ?? lookAgainMs.at(-1) ?? 0);
    watched.looks += 1;
    return events;
  }
}
