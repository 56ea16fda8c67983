import type { Stream } from "../../../core/ports/event_store.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Branch, Life } from "../../../core/ports/supervision.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import { CqlError, type CqlSession } from "../session.ts";
import { type Run, scanEvents, shareBefore } from "./scan.ts";
import { watchedSession } from "../watched_session.ts";
import type { SubscriptionFeed } from "./subscription_feed.ts";

export type ScansParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  readonly feed: SubscriptionFeed;
  readonly sliceOf: (stream: Stream) => number;
  readonly signal: AbortSignal;
};

type Waiting = { readonly slice: number; readonly done: PromiseWithResolvers<void> };

/** Slices come one by one when a copy starts: one scan serves all that ask within this time. */
const GATHER_MS = 100;
const BACKOFF_MS = 1_000;

/** Shows one subscription all events there are of the slices that ask for it, one scan at a time. */
export class Scans {
  readonly #parts: ScansParts;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #scannedShare = 0;

  constructor(parts: ScansParts) {
    this.#parts = parts;
  }

  /** Resolves once a scan that began after the call has shown all events of the slice, durably, or at the signal. */
  async request(slice: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const waiting = { slice, done: Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    const leave = () => {
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      waiting.done.resolve();
    };
    signal.addEventListener("abort", leave);
    this.#running ??= this.#start();
    await waiting.done.promise;
    signal.removeEventListener("abort", leave);
  }

  /** The share of all places that the present scan has passed; 1 while nobody waits for one. */
  get share(): number {
    return this.#waiting.length === 0 ? 1 : this.#scannedShare;
  }

  /** Resolves when nothing is scanned any more. */
  async whenEnded(): Promise<void> {
    await this.#running;
  }

  #start(): Promise<void> {
    const { branch, signal, feed } = this.#parts;
    const { session, show } = watchedSession(this.#parts.session);
    const run = (life: Life) => {
      show(life);
      return this.#run(session, life.signal);
    };
    const running = branch.start({ name: `scan_for_${feed.name}`, mayEnd: true, until: signal, run }).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return running;
  }

  async #run(session: CqlSession, signal: AbortSignal): Promise<void> {
    const { runtime, feed } = this.#parts;
    while (this.#waiting.length > 0 && !signal.aborted) {
      await runtime.sleep(GATHER_MS, { signal }).catch(() => {});
      const group = this.#waiting;
      this.#scannedShare = 0;
      await this.#scan(group, { session, signal });
      await feed.whenDurable(signal);
      // Who still waits is let go by the next run, or has gone.
      if (signal.aborted) return;
      this.#waiting = this.#waiting.filter((each) => !group.includes(each));
      for (const { done } of group) done.resolve();
    }
    // Who asks from now on finds nobody who would look again, and begins the next one.
    this.#running = undefined;
  }

  /** Goes on where it was after an outage, and ends early when nobody waits for it any more. */
  async #scan(
    group: readonly Waiting[],
    { session, signal }: { readonly session: CqlSession; readonly signal: AbortSignal },
  ): Promise<void> {
    const { runtime, log, feed, sliceOf } = this.#parts;
    const slices = new Set(group.map(({ slice }) => slice));
    const wants = (stream: Stream) => feed.takes(stream) && slices.has(sliceOf(stream));
    for (let from: bigint | undefined; !signal.aborted;) {
      try {
        for await (const page of scanEvents(session, { wants, ...from === undefined ? {} : { from } })) {
          for (const run of page.runs) await this.#offer(run, signal);
          from = page.from;
          this.#scannedShare = shareBefore(from);
          if (signal.aborted || !group.some((each) => this.#waiting.includes(each))) return;
        }
        return;
      } catch (error) {
        if (!(error instanceof CqlError)) throw error;
        log.debug("A scan waits", { subscription: feed.name, reason: error.message });
        await runtime.sleep(BACKOFF_MS, { signal }).catch(() => {});
      }
    }
  }

  async #offer({ stream, events }: Run, signal: AbortSignal): Promise<void> {
    const { feed, sliceOf } = this.#parts;
    const [first] = events;
    const through = events.at(-1)?.sequenceNumber;
    if (first === undefined || through === undefined) return;
    const slice = sliceOf(stream);
    await feed.offerSlowly({ ...stream, slice, through, atMs: Date.parse(first.timestamp), events }, signal);
  }
}
