import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { Lease, LEASE_TIMES, type LeaseTimes } from "./lease.ts";
import { type LeaseRow, readAll, toLeaseRow } from "./lease_row.ts";
import { allRows } from "./rows.ts";
import { CqlError, type CqlSession } from "./session.ts";

/** A slice in the care of this copy, for one epoch of it. */
export type Tenure = { readonly slice: number; readonly epoch: number };

/**
 * Which slices this copy may work for. Each has at most one valid owner at a time, and one soon after an owner has
 * died; living copies share them evenly.
 */
export type Leases = {
  /** Those in this copy's care. The lease of each may have lapsed, which is for `isValid` to say. */
  owned(): readonly Tenure[];
  /** Whether an effect for this slice may begin now; to be asked right before it. */
  isValid(tenure: Tenure): boolean;
  /** Up to which minute a subscription has come in a slice of this copy's; undefined when nobody knows. */
  lowWater(slice: number, subscription: string): number | undefined;
  /** Never back. Durable with one of the next renewals. */
  setLowWater(slice: number, progress: { readonly subscription: string; readonly minute: number }): void;
  /** Calls back whenever `owned` has changed; what it returns ends that. */
  onChange(listener: () => void): () => void;
  /** Gives everything back, so that others can take it at once. */
  stop(): Promise<void>;
  /** Ends without a word, as a process that is killed does. */
  abandon(): Promise<void>;
};

export type LeaseOptions = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  readonly slices: number;
  readonly copyId: string;
  /** Whether this copy works at all; one that only serves never claims. */
  readonly claim: boolean;
  readonly scope?: string;
  readonly times?: LeaseTimes;
};

/** Copies beyond these are not counted when slices are shared; they get what others do not hold. */
const MAX_COPIES = 16;
/** How long a slice that is to be given up is still valid, so that what is under way for it can end. */
const LEAVING_MS = 500;
/** How long slices that are taken together wait for each other, before they are told of. */
const TAKING_MS = 250;

export function startLeases(options: LeaseOptions): Leases {
  const rounds = new Rounds(options);
  rounds.start();
  return rounds;
}

class Rounds implements Leases {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #slices: readonly Lease[];
  /** One row for each living copy, so that copies without slices are counted, too. */
  readonly #copies: readonly Lease[];
  readonly #busy = new Set<Lease>();
  readonly #leaving = new Set<Lease>();
  readonly #listeners = new Set<() => void>();
  readonly #stopping = new AbortController();
  readonly #working = new Set<Promise<void>>();
  #told = "";

  constructor(options: LeaseOptions) {
    const { session, runtime, copyId, slices, scope = "feed", times = LEASE_TIMES } = options;
    this.#options = options;
    this.#times = times;
    const rows = (name: string, count: number) =>
      Array.from(
        { length: count },
        (_, slice) => new Lease({ scope: name, slice }, { session, runtime, copyId, times }),
      );
    this.#slices = rows(scope, slices);
    this.#copies = rows(`${scope} copies`, MAX_COPIES);
  }

  start(): void {
    if (!this.#options.claim) return;
    const { renewEveryMs, lookEveryMs } = this.#times;
    this.#repeat("lease_renewals", { everyMs: renewEveryMs, work: () => this.#renew() });
    this.#repeat("lease_looks", { everyMs: lookEveryMs, work: () => this.#look() });
  }

  owned(): readonly Tenure[] {
    return this.#held().map(({ key: { slice }, epoch = 0 }) => ({ slice, epoch }));
  }

  isValid({ slice, epoch }: Tenure): boolean {
    const lease = this.#slices[slice];
    return lease !== undefined && lease.epoch === epoch && lease.isValid;
  }

  lowWater(slice: number, subscription: string): number | undefined {
    return this.#slices[slice]?.lowWater?.get(subscription);
  }

  setLowWater(slice: number, { subscription, minute }: { subscription: string; minute: number }): void {
    const lowWater = this.#slices[slice]?.lowWater;
    if (minute > (lowWater?.get(subscription) ?? -1)) lowWater?.set(subscription, minute);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    await this.abandon();
    await Promise.all([...this.#slices, ...this.#copies].map((lease) => lease.release()));
    this.#tell();
  }

  async abandon(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#working);
  }

  #held(): readonly Lease[] {
    return this.#slices.filter((lease) => lease.epoch !== undefined && !this.#leaving.has(lease));
  }

  /** Neither waits for the other: what hangs while it looks may not keep it from renewing. */
  #repeat(name: string, { everyMs, work }: { everyMs: number; work: () => Promise<void> }): void {
    const { runtime, branch } = this.#options;
    const run = async ({ signal, beat }: Life) => {
      while (!signal.aborted) {
        beat();
        const began = runtime.monotonicMs();
        await work();
        if (signal.aborted) return;
        await runtime.sleep(Math.max(0, began + everyMs - runtime.monotonicMs()), { signal }).catch(() => {});
      }
    };
    this.#run(branch.start({ name, run, until: this.#stopping.signal }));
  }

  async #renew(): Promise<void> {
    for (const lease of [...this.#slices, ...this.#copies]) {
      if (lease.epoch === undefined) continue;
      const renewing = this.#begin(lease, () => lease.renew()).then(() => this.#tell());
      renewing.catch((error) => this.#options.log.error("A lease cannot be renewed", { error: String(error) }));
    }
  }

  /** Reads all rows, and takes or gives up what this copy's share asks for. */
  async #look(): Promise<void> {
    const { scope = "feed", log, runtime } = this.#options;
    const { signal } = this.#stopping;
    try {
      await Promise.all([this.#observe(scope, this.#slices), this.#observe(`${scope} copies`, this.#copies)]);
    } catch (error) {
      if (!(error instanceof CqlError)) throw error;
      log.debug("The leases cannot be read", { reason: error.message });
      return;
    }
    if (signal.aborted) return;
    this.#appear();
    const others = this.#copies.filter((copy) => copy.isElsewhere).length;
    const share = Math.ceil(this.#slices.length / (others + 1));
    const held = this.#held();
    const takes = this.#wanted(share - held.length).map((lease) => this.#begin(lease, () => lease.take()));
    await Promise.race([Promise.all(takes), runtime.sleep(TAKING_MS, { signal }).catch(() => {})]);
    this.#tell();
    const last = held.at(-1);
    if (held.length > share && this.#leaving.size === 0 && last !== undefined) this.#run(this.#giveUp(last));
  }

  async #observe(scope: string, leases: readonly Lease[]): Promise<void> {
    const rows = await allRows(this.#options.session, readAll(scope, leases.length));
    const bySlice = new Map<unknown, LeaseRow>(rows.map((row) => [row["slice"], toLeaseRow(row)]));
    for (const lease of leases) if (!this.#busy.has(lease)) lease.observe(bySlice.get(lease.key.slice));
  }

  /** Takes a row among the copies, once. */
  #appear(): void {
    if (this.#copies.some((copy) => copy.epoch !== undefined || this.#busy.has(copy))) return;
    const row = this.#copies.find((copy) => copy.isFree || copy.hasStood);
    if (row !== undefined) this.#begin(row, () => row.take());
  }

  /** What is free or has died: as many as the share has room for, and more where nobody else has come for them. */
  #wanted(room: number): readonly Lease[] {
    const { renewEveryMs, takeAfterMs } = this.#times;
    const { runtime: { random } } = this.#options;
    const open = this.#slices.filter((lease) => !this.#busy.has(lease) && !this.#leaving.has(lease));
    const turn = Math.floor(random() * open.length);
    const mixed = [...open.slice(turn), ...open.slice(0, turn)];
    const within = mixed.filter((lease) => lease.isFree || lease.hasStood).slice(0, Math.max(0, room));
    const left = mixed.filter((lease) => lease.standingMs > takeAfterMs + 2 * renewEveryMs && !within.includes(lease));
    return [...within, ...left];
  }

  async #giveUp(lease: Lease): Promise<void> {
    this.#leaving.add(lease);
    this.#tell();
    const { signal } = this.#stopping;
    await this.#options.runtime.sleep(LEAVING_MS, { signal }).catch(() => {});
    await this.#begin(lease, () => lease.release());
    this.#leaving.delete(lease);
  }

  /** One thing at a time for each row; a slow answer for one keeps no other. */
  async #begin(lease: Lease, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(lease)) return;
    this.#busy.add(lease);
    await this.#run(work().finally(() => this.#busy.delete(lease)));
  }

  #run(work: Promise<void>): Promise<void> {
    this.#working.add(work);
    return work.finally(() => this.#working.delete(work));
  }

  #tell(): void {
    const owned = this.owned().map(({ slice, epoch }) => `${slice}:${epoch}`).join();
    if (owned === this.#told) return;
    this.#told = owned;
    this.#options.log.info("The slices of this copy have changed", { slices: this.owned().map(({ slice }) => slice) });
    for (const listener of [...this.#listeners]) listener();
  }
}
