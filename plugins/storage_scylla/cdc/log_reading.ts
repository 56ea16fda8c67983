import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Branch, Child, Life } from "../../../core/ports/supervision.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import { CqlError, type CqlRow } from "../session.ts";
import { watchedSession } from "../watched_session.ts";
import { Generations, type GenerationsParts, type StreamSet } from "./generations.ts";
import { LogReader, type LogReaderParts } from "./log_reader.ts";
import { hexOf } from "./log_row.ts";

/** Takes the pages of one reader, one look after the other. */
export type PageTaker = { readonly take: (rows: readonly CqlRow[]) => number; readonly end: () => void };

export type LogReadingParts = GenerationsParts & Omit<LogReaderParts, "take" | "onLooked"> & {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  /** For each reader one. */
  readonly taker: () => PageTaker;
  /** Called whenever what is in trouble may have changed. */
  readonly onLooked: () => void;
};

/** Some streams for each reader: as many as one statement may name, and few enough statements. */
const STREAMS_PER_READER = [16, 100] as const;
const READERS = 8;
const QUERIES_PER_SECOND = 40;

/** Reads all streams of the sets that are live, from shortly before it was made until it is stopped. */
export class LogReading {
  readonly #parts: LogReadingParts;
  readonly #generations: Generations;
  readonly #sinceMs: number;
  readonly #stopping = new AbortController();
  readonly #working = new Set<Promise<void>>();
  readonly #readers = new Map<number, readonly LogReader[]>();
  #trouble: string | undefined = "the streams of the log are not known yet";

  constructor(parts: LogReadingParts) {
    this.#parts = parts;
    this.#generations = new Generations(parts);
    this.#sinceMs = parts.clock.nowMs();
    this.#run({ name: "log_stream_sets", run: (life) => this.#follow(life) });
  }

  get sets(): readonly StreamSet[] {
    return this.#generations.live;
  }

  /** From which moment on it shows what is written, by the database's time. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Between two looks of a reader at rest. */
  get idleMs(): number {
    return Math.max(this.#parts.times.idleLookMs, this.#all().length * 1_000 / QUERIES_PER_SECOND);
  }

  get trouble(): string | undefined {
    return this.#trouble ?? this.#all().map(({ trouble }) => trouble).find((trouble) => trouble !== undefined);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const reader of this.#all()) reader.stop();
    await Promise.all(this.#working);
  }

  async #follow({ signal, beat }: Life): Promise<void> {
    const { runtime, log, times, onLooked } = this.#parts;
    while (!signal.aborted) {
      beat();
      try {
        await this.#generations.look();
        if (signal.aborted) return;
        this.#apply();
        this.#trouble = this.sets.length === 0 ? "no streams of the log are told of" : undefined;
      } catch (error) {
        if (!(error instanceof CqlError)) throw error;
        log.debug("The streams of the log cannot be asked for", { reason: error.message });
        this.#trouble = error.message;
      }
      onLooked();
      const restMs = this.#trouble === undefined ? times.setsEveryMs : times.againMs;
      await runtime.sleep(restMs, { signal }).catch(() => {});
    }
  }

  /** A stream is read for the newest set that has it, and so once. */
  #apply(): void {
    const sets = this.sets;
    for (const [atMs, readers] of this.#readers) {
      if (sets.some((set) => set.atMs === atMs)) continue;
      for (const reader of readers) reader.stop();
      this.#readers.delete(atMs);
    }
    const newer = new Set<string>();
    for (const { atMs, streams } of sets.toReversed()) {
      const known = this.#readers.get(atMs);
      if (known === undefined) this.#begin(atMs, streams.filter((stream) => !newer.has(hexOf(stream))));
      else for (const reader of known) reader.leave(newer);
      for (const stream of streams) newer.add(hexOf(stream));
    }
  }

  #begin(atMs: number, streams: readonly Uint8Array[]): void {
    const { log, layout } = this.#parts;
    const fromMs = Math.max(this.#sinceMs, Math.min(atMs, ...this.#all().map(({ placeMs }) => placeMs)));
    const begun = groupsOf(streams).map((group) => this.#reader(group, fromMs));
    this.#readers.set(atMs, begun.map(({ reader }) => reader));
    const since = new Date(atMs).toISOString();
    log.info("A set of streams of the log is read", { log: layout.log, since, streams: streams.length });
    for (const [at, { run }] of begun.entries()) this.#run({ name: `log_reader_${at}`, mayEnd: true, run });
  }

  #reader(streams: readonly Uint8Array[], fromMs: number) {
    const { taker, onLooked, ...parts } = this.#parts;
    const { take, end } = taker();
    const looked = () => {
      end();
      onLooked();
    };
    const { session, show } = watchedSession(parts.session);
    const reader = new LogReader(streams, { ...parts, session, fromMs, take, onLooked: looked });
    const run = (life: Life) => {
      show(life);
      return reader.run(() => this.idleMs, life.signal);
    };
    return { reader, run };
  }

  #all(): readonly LogReader[] {
    return [...this.#readers.values()].flat().filter(({ streams }) => streams.length > 0);
  }

  #run(child: Child): void {
    const running = this.#parts.branch.start({ ...child, until: this.#stopping.signal });
    this.#working.add(running);
    running.finally(() => this.#working.delete(running));
  }
}

function groupsOf(streams: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const [least, most] = STREAMS_PER_READER;
  const size = Math.min(most, Math.max(least, Math.ceil(streams.length / READERS)));
  const count = Math.ceil(streams.length / size);
  return Array.from({ length: count }, (_, at) => streams.slice(at * size, (at + 1) * size));
}
