import type { Runtime } from "../../../core/ports/runtime.ts";
import type { CqlRow, CqlSession, ReadOptions } from "../session.ts";
import { allRows } from "../rows.ts";
import { hexOf } from "./log_row.ts";
import { type LogLayout, readSetTimes, readStreams } from "./log_layout.ts";
import type { LogTimes } from "./log_times.ts";

/** The streams into which the log is written from a moment on. */
export type StreamSet = { readonly atMs: number; readonly streams: readonly Uint8Array[] };

export type GenerationsParts = {
  readonly session: CqlSession;
  readonly runtime: Pick<Runtime, "monotonicMs">;
  /** The database's time. */
  readonly clock: { nowMs(): number };
  readonly layout: LogLayout;
  readonly times: Pick<LogTimes, "keepSetMs">;
};

type Known = StreamSet & { endsMonotonicMs: number };

/** How long ahead a set may be told of. */
const AHEAD_MS = 90_000;
/** More than any cluster has; what is beyond it is left to the announcements. */
const MAX_STREAMS = 50_000;

/**
 * The stream sets that have to be read now. A new one is read as soon as it is told of, before it begins; the one
 * before it for a while longer, for rows may be written to it late.
 */
export class Generations {
  readonly #parts: GenerationsParts;
  #known: Known[] = [];
  #isFirst = true;

  constructor(parts: GenerationsParts) {
    this.#parts = parts;
  }

  /** In the order of their beginnings. */
  get live(): readonly StreamSet[] {
    return this.#known;
  }

  /** Asks for new sets and forgets those that have ended. Throws a `CqlError`. */
  async look(): Promise<void> {
    const { session, layout, runtime } = this.#parts;
    const options = await this.#options();
    const after = this.#known.at(-1)?.atMs ?? 0;
    const found = (await allRows(session, readSetTimes(layout, after), options)).map(momentOf);
    for (const [at, atMs] of found.entries()) {
      const nextMs = found[at + 1];
      // At the start, those that ended long ago need not be known at all.
      if (this.#isFirst && nextMs !== undefined && this.#remainingMs(nextMs) <= 0) continue;
      const streams = streamsOf(await allRows(session, readStreams(layout, atMs), options));
      // One whose streams are not told of yet is asked for again.
      if (streams.length === 0) break;
      this.#add({ atMs, streams });
    }
    this.#isFirst &&= this.#known.length === 0;
    this.#known = this.#known.filter(({ endsMonotonicMs }) => endsMonotonicMs > runtime.monotonicMs());
  }

  #add(set: StreamSet): void {
    const { runtime } = this.#parts;
    const before = this.#known.at(-1);
    if (before !== undefined) before.endsMonotonicMs = runtime.monotonicMs() + this.#remainingMs(set.atMs);
    this.#known.push({ ...set, endsMonotonicMs: Infinity });
  }

  /** How long a set is still read that another one follows. Whatever the clock says, one that was found in use. */
  #remainingMs(nextMs: number): number {
    const { clock, times: { keepSetMs } } = this.#parts;
    const byClockMs = nextMs + keepSetMs - clock.nowMs();
    return this.#isFirst ? Math.min(byClockMs, keepSetMs + AHEAD_MS) : keepSetMs + AHEAD_MS;
  }

  /** The cluster's sets stand in a keyspace of its own, which one node alone cannot have a quorum of. */
  async #options(): Promise<ReadOptions> {
    const { session, layout } = this.#parts;
    if (layout.sets === "tablets") return {};
    const peers = await session.execute({ cql: "SELECT peer FROM system.peers", values: [] });
    return peers.length === 0 ? { consistency: "one" } : { scope: "cluster" };
  }
}

function momentOf(row: CqlRow): number {
  const at = row["at"];
  if (at instanceof Date) return at.getTime();
  throw new TypeError(`Cannot read a stream set: expected a moment as its beginning, found ${at}`);
}

/** Each once, neighbours beside each other: the streams of a row are kept by the same nodes. */
function streamsOf(rows: readonly CqlRow[]): readonly Uint8Array[] {
  const streams = new Map<string, Uint8Array>();
  for (const row of rows) {
    const all: unknown = row["streams"] ?? [row["stream_id"]];
    for (const stream of Array.isArray(all) ? all : []) {
      if (stream instanceof Uint8Array && streams.size < MAX_STREAMS) streams.set(hexOf(stream), stream);
    }
  }
  return [...streams.values()];
}
