import type { Changes } from "../../../core/ports/change_log.ts";
import { type EventStore, type RecordedEvent, type Stream, Superseded } from "../../../core/ports/event_store.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Branch, Child, Life } from "../../../core/ports/supervision.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import type { CdcFeed } from "../cdc/cdc_feed.ts";
import type { Leases, Tenure } from "../leases.ts";
import { sliceOf } from "../partitions.ts";
import type { CqlSession } from "../session.ts";
import { watchedSession } from "../watched_session.ts";
import { keepAuditing } from "./audit.ts";
import type { QueueBounds } from "./dirty_queue.ts";
import { Scans } from "./scans.ts";
import { SliceCare } from "./slice_care.ts";
import { Slots } from "./slots.ts";
import { type ChangesOptions, SubscriptionFeed } from "./subscription_feed.ts";
import { Sweep } from "./sweep.ts";
import { FEED_TIMES, type FeedTimes } from "./times.ts";

export type FeedOptions = {
  readonly session: CqlSession;
  readonly reader: Pick<EventStore, "read">;
  readonly leases: Leases;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  readonly slices: number;
  /** The database's time. */
  readonly clock: { nowMs(): number };
  readonly times?: FeedTimes;
  /** How much a subscription may have before it; what is beyond it is found again later. */
  readonly queue?: QueueBounds;
  /** Told of events that no feed had shown; there should be none. */
  readonly countMissed?: (subscription: string, events: number) => void;
  /** Shows sooner what the announcements prove. */
  readonly cdc?: CdcFeed | undefined;
};

/** A commit of this copy whose append was answered with "applied", and the events as the store gives them back. */
export type Commit = { readonly commitId: string; readonly events: readonly RecordedEvent[] };

type Cared = { readonly feed: SubscriptionFeed; readonly cares: Map<number, SliceCare>; readonly scans: Scans };

const SETTLING = 32;
const QUEUE: QueueBounds = { aggregates: 10_000, bytes: 8_000_000 };

/** Feeds the subscriptions of this copy with the slices that it has leased. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #times: FeedTimes;
  readonly #sweep: Sweep;
  readonly #subscriptions = new Map<string, Cared>();
  readonly #stopping = new AbortController();
  readonly #working = new Set<Promise<void>>();
  /** In every checkpoint, so that those of other copies and earlier lives are known as such. */
  readonly #id: string;
  readonly #unfollow: () => void;

  constructor(options: FeedOptions) {
    const { session, leases, runtime, log, branch, clock, times = FEED_TIMES, cdc } = options;
    this.#options = options;
    this.#times = times;
    this.#id = runtime.newId();
    this.#sweep = new Sweep({
      ...{ session, leases, runtime, log, branch, clock, times },
      slots: { first: new Slots(SETTLING), later: new Slots(SETTLING) },
      tell: (told) => {
        this.#tell(told);
        cdc?.expect(told);
      },
      covered: () => cdc?.trusted,
    });
    cdc?.start((told) => this.#subscriptions.values().forEach(({ feed }) => feed.hint(told)));
    this.#unfollow = leases.onChange(() => this.#follow());
    this.#sweep.start();
    this.#follow();
    this.#run({ name: "feed_audit", run: (life) => this.#audit(life) });
  }

  async stop(): Promise<void> {
    this.#unfollow();
    this.#stopping.abort();
    for (const { cares } of this.#subscriptions.values()) for (const care of cares.values()) care.stop();
    const scans = [...this.#subscriptions.values()].map((cared) => cared.scans.whenEnded());
    await Promise.all([this.#sweep.stop(), this.#options.cdc?.stop(), ...this.#working, ...scans]);
  }

  /** Nobody looks what became of a commit of this copy while it is under way: `OnAnnounce`. */
  readonly begin = (commitId: string): (isApplied: boolean) => void => this.#sweep.begin(commitId);

  /** Tells the subscriptions of a commit of this copy at once; without it the sweep will. */
  ring(stream: Stream, commit?: Commit): void {
    const slice = sliceOf(stream, this.#options.slices);
    const events = commit?.events ?? [];
    this.#tell({
      ...{ aggregateType: stream.aggregateType, aggregateId: stream.aggregateId, slice, events },
      through: events.at(-1)?.sequenceNumber ?? Infinity,
      isNew: events[0]?.sequenceNumber === 1,
      atMs: this.#options.clock.nowMs(),
    });
    if (commit !== undefined) this.#sweep.note(commit.commitId);
  }

  /** The slices whose progress the caller is about to load for a subscription. */
  load(subscription: string): readonly Tenure[] {
    return this.#of(subscription).load();
  }

  changes(
    subscription: string,
    options: Omit<ChangesOptions, "toCheckpoint">,
  ): AsyncIterable<Changes> {
    const toCheckpoint = (page: number) => `${this.#id}:${page}:${subscription}`;
    return this.#of(subscription).changes({ ...options, toCheckpoint });
  }

  /** What waits behind a checkpoint, as far as this copy knows. */
  backlog(subscription: string, after: string | null) {
    return this.#of(subscription).backlog(after === null ? 0 : this.#parse(after).page);
  }

  /** How far a scan of everything has come for a subscription; 1 while there is none. */
  handledShare(subscription: string): number {
    return this.#subscriptions.get(subscription)?.scans.share ?? 1;
  }

  /** Throws `Superseded` when what a checkpoint stands for may not take effect now. */
  requireValid(checkpoint: string): void {
    const { subscription, page } = this.#parse(checkpoint);
    if (this.#of(subscription).isValid(page)) return;
    throw new Superseded("The lease of a slice has run out: another process may have taken it over");
  }

  /** Throws `Superseded` unless the stream's slice is leased to this copy now. */
  requireLeased(stream: Stream): void {
    const { leases, slices } = this.#options;
    const slice = sliceOf(stream, slices);
    const tenure = leases.owned().find((each) => each.slice === slice);
    if (tenure !== undefined && leases.isValid(tenure)) return;
    throw new Superseded(`The lease of slice ${slice} is not held here: another process may work on its aggregates`);
  }

  /** Makes all that a checkpoint stands for count. Throws a `CqlError`. */
  async commit(checkpoint: string): Promise<void> {
    const { subscription, page } = this.#parse(checkpoint);
    await this.#of(subscription).commit(page);
  }

  #parse(checkpoint: string): { readonly subscription: string; readonly page: number } {
    const [, id, page, subscription] = /^([^:]+):(\d{1,15}):(.*)$/s.exec(checkpoint) ?? [];
    if (id === this.#id && subscription !== undefined) return { subscription, page: Number(page) };
    throw new TypeError(`Cannot use the checkpoint: expected one of this change source, found "${checkpoint}"`);
  }

  #of(subscription: string): SubscriptionFeed {
    const known = this.#subscriptions.get(subscription);
    if (known !== undefined) return known.feed;
    const { session, reader, leases, runtime, log, branch, slices, queue = QUEUE } = this.#options;
    const cares = new Map<number, SliceCare>();
    const onMissed = (slice: number, minute: number) => cares.get(slice)?.miss(minute);
    const feed = new SubscriptionFeed(subscription, { session, reader, leases, queue, onMissed });
    const { signal } = this.#stopping;
    const scans = new Scans({
      session,
      runtime,
      log,
      branch,
      feed,
      signal,
      sliceOf: (stream) => sliceOf(stream, slices),
    });
    this.#subscriptions.set(subscription, { feed, cares, scans });
    this.#followWith({ feed, cares, scans });
    return feed;
  }

  #tell(told: Parameters<SubscriptionFeed["offer"]>[0]): void {
    for (const { feed } of this.#subscriptions.values()) feed.offer(told);
  }

  #follow(): void {
    if (this.#stopping.signal.aborted) return;
    const tenures = this.#options.leases.owned();
    // What looks after a slice asks its sweep, so it is stopped before that, and begun behind it.
    for (const { cares } of this.#subscriptions.values()) stopOthers(cares, tenures);
    this.#sweep.follow(tenures);
    this.#options.cdc?.follow(tenures.map(({ slice }) => slice));
    for (const cared of this.#subscriptions.values()) this.#followWith(cared);
  }

  #followWith({ feed, cares, scans }: Cared): void {
    const { leases, clock, runtime, log } = this.#options;
    const tenures = leases.owned();
    feed.follow(tenures);
    for (const tenure of tenures) {
      const sweep = this.#sweep.slice(tenure.slice);
      if (sweep === undefined || cares.has(tenure.slice)) continue;
      const { session, show } = watchedSession(this.#options.session);
      const care = new SliceCare(tenure, {
        ...{ session, leases, clock, runtime, log, times: this.#times, feed, sweep },
        scan: (slice, signal) => scans.request(slice, signal),
      });
      cares.set(tenure.slice, care);
      const run = (life: Life) => {
        show(life);
        return care.run(life.signal);
      };
      this.#run({ name: `care_of_slice_${tenure.slice}_for_${feed.name}`, mayEnd: true, run });
    }
  }

  #audit(life: Life): Promise<void> {
    const { runtime, log, slices, countMissed = () => {} } = this.#options;
    const { session, show } = watchedSession(this.#options.session);
    show(life);
    const cares = () => [...this.#subscriptions.values()].flatMap((cared) => [...cared.cares.values()]);
    const parts = { session, runtime, log, times: this.#times, cares, countMissed };
    return keepAuditing({ ...parts, sliceOf: (stream) => sliceOf(stream, slices) }, life.signal);
  }

  #run(child: Child): void {
    const running = this.#options.branch.start({ ...child, until: this.#stopping.signal });
    this.#working.add(running);
    running.finally(() => this.#working.delete(running));
  }
}

function stopOthers(cares: Map<number, SliceCare>, tenures: readonly Tenure[]): void {
  for (const [slice, care] of cares) {
    if (tenures.some((each) => each.slice === slice && each.epoch === care.tenure.epoch)) continue;
    care.stop();
    cares.delete(slice);
  }
}
