import { type Stream, streamKey } from "../../../core/ports/event_store.ts";
import type { Health } from "../../../core/ports/plugin.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Branch } from "../../../core/ports/supervision.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import type { Told } from "../feed/slice_sweep.ts";
import { sliceOf } from "../partitions.ts";
import type { CqlSession } from "../session.ts";
import { Comparison } from "./comparison.ts";
import type { LogLayout } from "./log_layout.ts";
import { LogPages, Seen, type Shown } from "./log_page.ts";
import { LogReading, type PageTaker } from "./log_reading.ts";
import { LOG_TIMES, type LogTimes } from "./log_times.ts";

export type CdcFeedParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  /** The database's time. */
  readonly clock: { nowMs(): number };
  readonly layout: LogLayout;
  readonly slices: number;
  readonly times?: LogTimes;
  /** Told how long after a commit its events were handed on, by the database's time. */
  readonly observe?: (seconds: number) => void;
};

/** Nothing depends on what is told here: all of it is told by the announcements, too. */
export type Hint = (told: Told) => void;

/** One line in the log for so many rows that nobody expected. */
const STRANGE_EVERY_MS = 60_000;

/**
 * Shows what the server's log of changes holds of the slices of this copy, as soon as it is there. What it shows is
 * true, but it may lack anything: it is relied upon only for being quick, and only while it is.
 */
export class CdcFeed {
  readonly #parts: CdcFeedParts & { readonly times: LogTimes };
  readonly #seen = new Seen();
  #hint: Hint = () => {};
  #slices: ReadonlySet<number> = new Set();
  #reading: LogReading | undefined;
  #comparison: Comparison;
  #trust: AbortController | undefined;
  #distrustedUntilMs = -Infinity;
  #ended: Promise<void> = Promise.resolve();
  #damage: string | undefined;
  #strangeMs = -Infinity;
  #lagSeconds: number | undefined;
  /** How often the log did not show in time what was proved to be there. */
  #overdue = 0;

  constructor({ times = LOG_TIMES, ...parts }: CdcFeedParts) {
    this.#parts = { ...parts, times };
    this.#comparison = new Comparison(times.graceMs);
  }

  start(hint: Hint): void {
    this.#hint = hint;
  }

  /** Shows these slices from now on. All streams are read for any: an aggregate's stream says nothing of its slice. */
  follow(slices: readonly number[]): void {
    this.#slices = new Set(slices);
    if (slices.length === 0) return this.#end();
    if (this.#reading !== undefined) return;
    const { times } = this.#parts;
    this.#comparison = new Comparison(times.graceMs);
    const onLooked = () => this.#consider();
    this.#reading = new LogReading({ ...this.#parts, taker: () => this.#taker(), onLooked });
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#ended;
  }

  /** Something was proved to be there: the log should show it, too, if it was announced while it is read. */
  expect({ through, atMs, ...stream }: Told): void {
    const reading = this.#reading;
    if (reading === undefined || atMs < reading.sinceMs) return;
    if (atMs < this.#parts.clock.nowMs() - this.#parts.times.distrustMs) return;
    this.#comparison.expect(stream, { through, nowMs: this.#parts.runtime.monotonicMs() });
  }

  /** Aborts as soon as the log need not be quick any more; undefined while it is not. */
  get trusted(): AbortSignal | undefined {
    this.#consider();
    return this.#trust?.signal;
  }

  health(): Health {
    const trouble = this.#reading?.trouble;
    const reasons = [
      ...this.#damage === undefined ? [] : [this.#damage],
      ...trouble === undefined ? [] : [`the log of changes is not read, only announcements are: ${trouble}`],
    ];
    const sets = this.#reading?.sets ?? [];
    const detail = {
      change_source: "cdc",
      stream_sets: sets.map(({ atMs }) => new Date(atMs).toISOString()).join(", "),
      streams: sets.at(-1)?.streams.length ?? 0,
      log_is_quick: this.#trust !== undefined,
      log_overdue: this.#overdue,
      ...this.#lagSeconds === undefined ? {} : { log_lag_seconds: this.#lagSeconds },
    };
    return reasons.length === 0 ? { status: "pass", detail } : { status: "warn", reason: reasons.join("; "), detail };
  }

  #end(): void {
    this.#ended = Promise.all([this.#ended, this.#reading?.stop()]).then(() => {});
    this.#reading = undefined;
    this.#consider();
  }

  #taker(): PageTaker {
    const { slices } = this.#parts;
    const pages = new LogPages({
      seen: this.#seen,
      wants: (stream) => this.#slices.size === slices || this.#slices.has(sliceOf(stream, slices)),
      onDamage: ({ stream, operation }) => this.#alarm(stream, operation),
      onStrange: (reason) => this.#wonder(reason),
    });
    const tell = (all: readonly Shown[]) => all.map((shown) => this.#tell(shown)).length;
    return { take: (rows) => tell(pages.take(rows)), end: () => void tell(pages.end()) };
  }

  #tell({ stream, through, atMs, events }: Shown): void {
    const { clock, slices, observe } = this.#parts;
    this.#lagSeconds = Math.max(0, clock.nowMs() - atMs) / 1_000;
    observe?.(this.#lagSeconds);
    this.#comparison.show(stream, through);
    this.#hint({ ...stream, slice: sliceOf(stream, slices), through, atMs, events });
  }

  #consider(): void {
    const { runtime, times } = this.#parts;
    const nowMs = runtime.monotonicMs();
    const overdue = this.#comparison.takeOverdue(nowMs);
    this.#overdue += overdue;
    if (overdue > 0) this.#distrustedUntilMs = nowMs + times.distrustMs;
    const reading = this.#reading;
    const isQuick = reading !== undefined && reading.trouble === undefined && reading.idleMs <= times.quickLookMs &&
      nowMs >= this.#distrustedUntilMs;
    if (isQuick) this.#trust ??= new AbortController();
    else {
      this.#trust?.abort();
      this.#trust = undefined;
    }
  }

  #alarm(stream: Stream, operation: number): void {
    this.#damage = `events of ${streamKey(stream)} were deleted from the store, perhaps more: see the log`;
    const { aggregateType, aggregateId } = stream;
    const fields = { aggregate_type: aggregateType, aggregate_id: aggregateId, operation };
    this.#parts.log.error("Somebody has deleted events: views no longer equal a replay", fields);
  }

  /** It is not used; what it may stand for is told by the announcements. */
  #wonder(found: string): void {
    const { runtime, log, layout } = this.#parts;
    const nowMs = runtime.monotonicMs();
    if (nowMs - this.#strangeMs < STRANGE_EVERY_MS) return;
    this.#strangeMs = nowMs;
    log.warn("The log of changes holds what nobody here has written; it is passed by", { log: layout.log, found });
  }
}
