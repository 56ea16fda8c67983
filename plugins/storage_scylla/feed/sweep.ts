import type { Branch, Child, Life } from "../../../core/ports/supervision.ts";
import type { Tenure } from "../leases.ts";
import { CqlError } from "../session.ts";
import { watchedSession } from "../watched_session.ts";
import { Poll } from "./poll.ts";
import { SliceSweep, type SweepParts as SliceParts } from "./slice_sweep.ts";

export type SweepParts = Omit<SliceParts, "applied"> & {
  readonly branch: Branch;
  /** There is one while another source shows sooner what is announced; it aborts as soon as that does not. */
  readonly covered?: () => AbortSignal | undefined;
};

/** Commits of this copy that are remembered, so that nobody looks whether they were made. */
const MAX_APPLIED = 10_000;
/** A poll reads at most so many minutes: what is older is read with its minute. */
const MAX_MINUTES = 3;

/** Sweeps the slices of this copy, and polls for what is being announced in any of them. */
export class Sweep {
  readonly #parts: SweepParts;
  readonly #slices = new Map<number, SliceSweep>();
  readonly #applied = new Set<string>();
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #stopping = new AbortController();
  readonly #working = new Set<Promise<void>>();
  readonly #poll: Poll;

  constructor(parts: SweepParts) {
    this.#parts = parts;
    this.#poll = new Poll(parts);
  }

  start(): void {
    this.#run({ name: "announcement_poll", run: (life) => this.#keepPolling(life) });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const slice of this.#slices.values()) slice.stop();
    this.#slices.clear();
    await Promise.all(this.#working);
  }

  /** Sweeps these slices from now on and no others. */
  follow(tenures: readonly Tenure[]): void {
    for (const [slice, sweep] of this.#slices) {
      if (tenures.some((each) => each.slice === slice && each.epoch === sweep.tenure.epoch)) continue;
      sweep.stop();
      this.#slices.delete(slice);
    }
    for (const tenure of tenures) {
      if (this.#slices.has(tenure.slice) || this.#stopping.signal.aborted) continue;
      const applied = (commitId: string) => this.#underWay.get(commitId) ?? this.#applied.has(commitId);
      const { session, show } = watchedSession(this.#parts.session);
      const sweep = new SliceSweep(tenure, { ...this.#parts, session, applied });
      this.#slices.set(tenure.slice, sweep);
      const run = (life: Life) => {
        show(life);
        return sweep.run(life.signal);
      };
      this.#run({ name: `sweep_of_slice_${tenure.slice}`, mayEnd: true, run });
    }
  }

  slice(slice: number): SliceSweep | undefined {
    return this.#slices.get(slice);
  }

  /** A commit of this copy is about to be announced; to be told at its end whether it was applied. */
  begin(commitId: string): (isApplied: boolean) => void {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#underWay.set(commitId, promise);
    return (isApplied) => {
      this.#underWay.delete(commitId);
      resolve(isApplied);
    };
  }

  /** Takes note of a commit that this copy made, and has told of. */
  note(commitId: string): void {
    this.#applied.add(commitId);
    if (this.#applied.size <= MAX_APPLIED) return;
    for (const first of this.#applied) {
      this.#applied.delete(first);
      break;
    }
  }

  async #keepPolling({ signal, beat }: Life): Promise<void> {
    const { times, log } = this.#parts;
    for (let restMs = times.busyPollMs; !signal.aborted;) {
      beat();
      try {
        const found = this.#slices.size === 0 ? 0 : await this.#look();
        restMs = found > 0 ? times.busyPollMs : Math.min(times.idlePollMs, restMs * 1.2);
      } catch (error) {
        if (!(error instanceof CqlError)) throw error;
        log.debug("Announcements are polled again when the database answers", { reason: error.message });
        restMs = times.idlePollMs;
      }
      if (!signal.aborted) await this.#rest(restMs, signal);
    }
  }

  async #rest(restMs: number, signal: AbortSignal): Promise<void> {
    const { runtime, times, covered } = this.#parts;
    const covering = covered?.();
    const rest = covering === undefined
      ? runtime.sleep(restMs, { signal })
      : runtime.sleep(times.coveredPollMs, { signal: AbortSignal.any([signal, covering]) });
    await rest.catch(() => {});
  }

  async #look(): Promise<number> {
    let found = 0;
    for await (const page of this.#poll.look([...this.#slices.keys()], MAX_MINUTES)) {
      for (const each of page) found += this.#slices.get(each.slice)?.take([each]) ?? 0;
    }
    return found;
  }

  #run(child: Child): void {
    const running = this.#parts.branch.start({ ...child, until: this.#stopping.signal });
    this.#working.add(running);
    running.finally(() => this.#working.delete(running));
  }
}
