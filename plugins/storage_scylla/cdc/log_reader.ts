import type { Runtime } from "../../../core/ports/runtime.ts";
import { ahead } from "../ahead.ts";
import { CqlError, type CqlRow, type CqlSession } from "../session.ts";
import { type LogLayout, readLog } from "./log_layout.ts";
import { hexOf } from "./log_row.ts";
import type { LogTimes } from "./log_times.ts";

export type LogReaderParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  /** The database's time. */
  readonly clock: { nowMs(): number };
  readonly layout: LogLayout;
  readonly times: LogTimes;
  /** Takes a page; how much of it is new. */
  readonly take: (rows: readonly CqlRow[]) => number;
  /** Called behind the last page of a look, and after one that failed. */
  readonly onLooked: () => void;
};

const PAGE_ROWS = 1_000;

/**
 * Reads some streams of the log, again and again from a little before the moment at which it looked the last time. A
 * look counts once it has come to its end, so that one that failed is repeated from the same place.
 */
export class LogReader {
  readonly #parts: LogReaderParts;
  readonly #stopping = new AbortController();
  #streams: readonly Uint8Array[];
  #placeMs: number;
  #lookedBackMs = -Infinity;
  #trouble: string | undefined;
  #hasLooked = false;

  constructor(streams: readonly Uint8Array[], { fromMs, ...parts }: LogReaderParts & { readonly fromMs: number }) {
    this.#streams = streams;
    this.#placeMs = fromMs;
    this.#parts = parts;
  }

  get streams(): readonly Uint8Array[] {
    return this.#streams;
  }

  /** By the database's time: what was visible before it was taken. */
  get placeMs(): number {
    return this.#placeMs;
  }

  /** Why it does not show now what is written now; undefined when it does. */
  get trouble(): string | undefined {
    const { clock, times } = this.#parts;
    if (this.#trouble !== undefined) return this.#trouble;
    if (!this.#hasLooked) return "a stream was not read yet";
    const behindMs = clock.nowMs() - this.#placeMs;
    return behindMs > times.overlapMs ? `a stream is ${Math.round(behindMs / 1_000)} s behind` : undefined;
  }

  /** Leaves these streams to another reader. */
  leave(streams: ReadonlySet<string>): void {
    this.#streams = this.#streams.filter((stream) => !streams.has(hexOf(stream)));
    if (this.#streams.length === 0) this.stop();
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Until it is stopped or the signal aborts, through outages. `idleMs`: the rest between looks when nothing comes. */
  async run(idleMs: () => number, until: AbortSignal): Promise<void> {
    const { runtime, times, onLooked } = this.#parts;
    const signal = AbortSignal.any([this.#stopping.signal, until]);
    for (let restMs = times.busyLookMs; !signal.aborted;) {
      try {
        const { found, isBehind } = await this.#look(signal);
        this.#trouble = undefined;
        const isBusy = found > 0 || restMs < times.busyLookMs;
        restMs = isBehind ? 0 : isBusy ? times.busyLookMs : Math.min(idleMs(), restMs * 1.2);
      } catch (error) {
        this.#trouble = error instanceof Error ? error.message : String(error);
        if (!(error instanceof CqlError)) throw error;
        restMs = times.againMs;
      } finally {
        onLooked();
      }
      await runtime.sleep(restMs, { signal }).catch(() => {});
    }
  }

  async #look(signal: AbortSignal): Promise<{ readonly found: number; readonly isBehind: boolean }> {
    const { session, runtime, clock, layout, times, take } = this.#parts;
    const nowMs = clock.nowMs();
    const beganMs = runtime.monotonicMs();
    const placeMs = Math.max(Math.min(nowMs, this.#placeMs), nowMs - times.furthestBackMs);
    const isBehind = nowMs - placeMs > times.windowMs;
    const looksBack = beganMs - this.#lookedBackMs >= times.overlapEveryMs;
    const fromMs = placeMs - (looksBack ? times.overlapMs : times.shortOverlapMs);
    const toMs = isBehind ? placeMs + times.windowMs : undefined;
    let found = 0;
    const range = readLog(layout, { streams: this.#streams, fromMs, toMs });
    for await (const rows of ahead(session.pages(range, { pageSize: PAGE_ROWS }))) {
      if (signal.aborted) return { found, isBehind };
      found += take(rows);
    }
    this.#placeMs = toMs ?? nowMs;
    if (looksBack) this.#lookedBackMs = beganMs;
    this.#hasLooked = true;
    return { found, isBehind };
  }
}
