import type { Runtime } from "../../core/ports/runtime.ts";
import { claim, type LeaseKey, type LeaseRow, move, NO_LEASE, readOne, take, toLeaseRow } from "./lease_row.ts";
import { CqlError, type CqlSession, type Statement } from "./session.ts";

export type LeaseTimes = {
  readonly renewEveryMs: number;
  /** How long a lease holds after the last renewal that succeeded was sent. */
  readonly validForMs: number;
  /** How long others must have seen the same beat: longer than `validForMs` by what clocks and delays may take. */
  readonly takeAfterMs: number;
  /** How often a copy looks at the others. */
  readonly lookEveryMs: number;
};

export const LEASE_TIMES: LeaseTimes = {
  renewEveryMs: 2_000,
  validForMs: 6_000,
  takeAfterMs: 7_000,
  lookEveryMs: 500,
};

/** A slow answer must not keep the row busy beyond the time in which it has to be renewed. */
const ANSWER_MS = 1_500;

export type LeaseParts = {
  readonly session: CqlSession;
  readonly runtime: Pick<Runtime, "monotonicMs" | "now">;
  readonly copyId: string;
  readonly times: LeaseTimes;
};

/** By both clocks: the monotonic one stands still while a machine sleeps, the other may be set back. */
type Moment = { readonly monotonicMs: number; readonly wallMs: number };
type Held = {
  readonly epoch: number;
  readonly lowWater: Map<string, number>;
  /** When each beat was sent whose fate is not known. */
  readonly sent: Map<number, Moment>;
  beat: number;
  /** When the last renewal was sent that is known to have succeeded. */
  provenAt: Moment | undefined;
};
type Seen = { readonly row: LeaseRow; readonly sinceMs: number };
type Answer = "applied" | "refused" | "unknown";

/**
 * One row of `leases` as one copy knows it. Every attempt to renew writes a beat that was never sent before in its
 * epoch: so whatever arrives late changes nothing, and who sees a beat stand still knows that nobody renews.
 */
export class Lease {
  readonly key: LeaseKey;
  readonly #parts: LeaseParts;
  #held: Held | undefined;
  #seen: Seen | undefined;
  #lastSent = { epoch: 0, beat: 0 };

  constructor(key: LeaseKey, parts: LeaseParts) {
    this.key = key;
    this.#parts = parts;
  }

  /** The epoch of this copy's tenure, which may have lapsed; undefined when it has none. */
  get epoch(): number | undefined {
    return this.#held?.epoch;
  }

  get isValid(): boolean {
    const provenAt = this.#held?.provenAt;
    if (provenAt === undefined) return false;
    const { monotonicMs, wallMs } = this.#moment();
    const elapsedMs = Math.max(monotonicMs - provenAt.monotonicMs, wallMs - provenAt.wallMs);
    return elapsedMs < this.#parts.times.validForMs;
  }

  /** Written by each renewal; what is set here is durable at some later time. */
  get lowWater(): Map<string, number> | undefined {
    return this.#held?.lowWater;
  }

  /** Whether another copy has it: one whose beat has not stood still for too long. */
  get isElsewhere(): boolean {
    return this.#seen !== undefined && this.#seen.row.owner !== null && !this.hasStood;
  }

  get isFree(): boolean {
    return this.#seen !== undefined && this.#seen.row.owner === null;
  }

  /** Whether the row has stood still for longer than an owner may let it. */
  get hasStood(): boolean {
    return this.standingMs >= this.#parts.times.takeAfterMs;
  }

  /** For how long the row has looked as it was last seen. */
  get standingMs(): number {
    return this.#seen === undefined ? 0 : this.#nowMs() - this.#seen.sinceMs;
  }

  /** Takes notice of what was read; undefined where there is no row. */
  observe(row: LeaseRow = NO_LEASE): void {
    if (this.#held !== undefined) return;
    if (row.owner === this.#parts.copyId) {
      // An attempt of ours whose answer was lost: held, and valid from the next renewal on.
      this.#begin(row, undefined);
      return;
    }
    const seen = this.#seen?.row;
    if (seen?.epoch !== row.epoch || seen.beat !== row.beat) this.#seen = { row, sinceMs: this.#nowMs() };
  }

  /** Takes the row as it was last seen, which must be free or have stood. */
  async take(): Promise<void> {
    const seen = this.#seen?.row;
    if (seen === undefined || this.#held !== undefined) return;
    const { copyId: owner } = this.#parts;
    const epoch = seen.epoch + 1;
    const sentAt = this.#moment();
    this.#seen = undefined;
    const answer = await this.#change(seen.epoch === 0 ? claim(this.key, owner) : take(this.key, { owner, seen }));
    if (answer === "refused") return;
    const row = answer === "unknown" ? await this.#read() : undefined;
    const isTaken = answer === "applied" || (row?.owner === owner && row.epoch === epoch);
    if (isTaken) this.#begin({ epoch, beat: 0, lowWater: seen.lowWater }, sentAt);
  }

  async renew(): Promise<void> {
    if (this.#held !== undefined) await this.#move(this.#held, this.#parts.copyId);
  }

  /** Gives it back with what is known of its low water: whoever wants it may have it at once. */
  async release(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    held.provenAt = undefined;
    held.sent.clear();
    // A second time for when a renewal under way came in between.
    for (let tries = 0; tries < 2 && this.#held === held; tries += 1) {
      if (await this.#move(held, null) === "applied") break;
    }
    this.#forget();
  }

  /** Moves the beat, and the low water with it. An answer that leaves the outcome open is looked up. */
  async #move(held: Held, owner: string | null): Promise<Answer> {
    const { copyId: me } = this.#parts;
    const { epoch, lowWater } = held;
    const beat = this.#nextBeat(epoch);
    if (owner !== null) held.sent.set(beat, this.#moment());
    const answer = await this.#change(move(this.key, { me, at: held, to: { owner, beat, lowWater } }));
    const row = answer === "applied" ? { owner, epoch, beat } : await this.#read();
    if (row === undefined || this.#held !== held) return answer;
    if (row.owner === me && row.epoch === epoch) this.#confirm(held, row.beat);
    else this.#forget();
    return answer;
  }

  /** The stored beat proves when its renewal was sent, whether that one was answered or not. */
  #confirm(held: Held, beat: number): void {
    held.beat = beat;
    held.provenAt = held.sent.get(beat) ?? held.provenAt;
    for (const each of held.sent.keys()) if (each <= beat) held.sent.delete(each);
  }

  #begin({ epoch, beat, lowWater }: Omit<LeaseRow, "owner">, provenAt: Moment | undefined): void {
    if (this.#lastSent.epoch !== epoch || this.#lastSent.beat < beat) this.#lastSent = { epoch, beat };
    this.#held = { epoch, beat, provenAt, lowWater: new Map(lowWater), sent: new Map() };
    this.#seen = undefined;
  }

  #forget(): void {
    this.#held = undefined;
    this.#seen = undefined;
  }

  #nextBeat(epoch: number): number {
    this.#lastSent = { epoch, beat: (this.#lastSent.epoch === epoch ? this.#lastSent.beat : 0) + 1 };
    return this.#lastSent.beat;
  }

  async #change(statement: Statement): Promise<Answer> {
    try {
      const [row] = await this.#parts.session.execute(statement, { timeoutMs: ANSWER_MS });
      return row?.["[applied]"] === true ? "applied" : "refused";
    } catch (error) {
      if (error instanceof CqlError) return "unknown";
      throw error;
    }
  }

  /** What stands there once every write under way is finished; undefined when that cannot be found out now. */
  async #read(): Promise<LeaseRow | undefined> {
    try {
      const [row] = await this.#parts.session.execute(readOne(this.key), {
        consistency: "serial",
        timeoutMs: ANSWER_MS,
      });
      return row === undefined ? NO_LEASE : toLeaseRow(row);
    } catch (error) {
      if (error instanceof CqlError) return undefined;
      throw error;
    }
  }

  #nowMs(): number {
    return this.#parts.runtime.monotonicMs();
  }

  #moment(): Moment {
    const { runtime } = this.#parts;
    return { monotonicMs: runtime.monotonicMs(), wallMs: runtime.now() };
  }
}
