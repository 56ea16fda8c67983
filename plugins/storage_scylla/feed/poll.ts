import type { Runtime } from "../../../core/ports/runtime.ts";
import type { CqlSession } from "../session.ts";
import { announcedAfter, type Announcement } from "./announced.ts";
import { minuteOf } from "./times.ts";

export type PollParts = {
  readonly session: CqlSession;
  readonly runtime: Pick<Runtime, "monotonicMs">;
  /** The database's time. */
  readonly clock: { nowMs(): number };
  /** How far a look goes back behind the one before: nearly always a little, and now and then the whole of it. */
  readonly times: {
    readonly shortOverlapMs: number;
    readonly overlapMs: number;
    readonly overlapEveryMs: number;
  };
};

/** Looks for what is being announced, each time from where it looked the last time, less an overlap. */
export class Poll {
  readonly #parts: PollParts;
  #cursorMs: number;
  #lookedBackMs = -Infinity;

  constructor(parts: PollParts) {
    this.#parts = parts;
    this.#cursorMs = parts.clock.nowMs();
  }

  /** For how long nobody has looked, by the database's time. */
  get gapMs(): number {
    return this.#parts.clock.nowMs() - this.#cursorMs;
  }

  /** Counts as done once it has been read to its end. At most so many minutes are looked at. */
  async *look(slices: readonly number[], maxMinutes: number): AsyncGenerator<readonly Announcement[], void> {
    const { session, clock, runtime, times } = this.#parts;
    const nowMs = clock.nowMs();
    const beganMs = runtime.monotonicMs();
    const looksBack = beganMs - this.#lookedBackMs >= times.overlapEveryMs;
    const afterMs = Math.min(nowMs, this.#cursorMs) - (looksBack ? times.overlapMs : times.shortOverlapMs);
    const current = minuteOf(nowMs);
    for (let minute = Math.max(minuteOf(afterMs), current - maxMinutes + 1); minute <= current; minute += 1) {
      yield* announcedAfter(session, { slices, minute, afterMs });
    }
    this.#cursorMs = nowMs;
    if (looksBack) this.#lookedBackMs = beganMs;
  }
}
