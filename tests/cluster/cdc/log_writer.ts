import type { LogLayout } from "../../../plugins/storage_scylla/cdc/log_layout.ts";
import type { CqlSession, Statement } from "../../../plugins/storage_scylla/session.ts";
import type { Chance } from "../../service/chance.ts";
import { insertRow, type LogRow, rowsOf, timeUuid, tokenOf } from "./log_rows.ts";

/** What becomes of a commit in the log. */
export type Fate = {
  /** How long after the commit its rows are there. */
  readonly lateMs?: number;
  /** How far the clock that dates its rows is ahead. */
  readonly skewMs?: number;
  readonly loses?: "middle" | "last" | "all";
  /** They are written again so much later, under another time. */
  readonly againAfterMs?: number;
  /** In a stream that was closed before. */
  readonly isInClosed?: boolean;
  /** Dated with the same microsecond as the commit before. */
  readonly isAtOnce?: boolean;
};

export type LogWriterParts = {
  readonly session: CqlSession;
  readonly layout: LogLayout;
  readonly chance: Chance;
  /** Drawn for each commit; left out, all go well. */
  readonly fateOf?: (chance: Chance) => Fate;
};

type StreamSet = { readonly atMs: number; readonly streams: readonly Uint8Array[] };

const STREAM_BYTES = 16;
const CLOSED = 1;
const CURRENT = 0;
/** So many streams stand for those of one virtual node. */
const STREAMS_PER_NODE = 4;

/** Writes beside a Cassandra what ScyllaDB would log of commits, faithfully or as badly as its fate will have it. */
export class LogWriter {
  readonly #parts: LogWriterParts;
  readonly #sets: StreamSet[] = [];
  readonly #writing = new Set<Promise<void>>();
  #lastMicroseconds = 0;

  constructor(parts: LogWriterParts) {
    this.#parts = parts;
  }

  /** Tells of new streams that rows go to after so long. */
  async beginSet(streams: number, { afterMs = 0 } = {}): Promise<StreamSet> {
    const made = Array.from({ length: streams }, () => this.#newStream());
    const set = { atMs: Date.now() + afterMs, streams: made };
    await this.#tellSet(set);
    this.#sets.push(set);
    return set;
  }

  /** Logs a conditional write that was applied, and resolves once it is there. Nobody has to wait for that. */
  log(statements: readonly Statement[]): Promise<void> {
    const { chance, fateOf = () => ({}) } = this.#parts;
    const writing = this.#write(rowsOf(statements), fateOf(chance));
    this.#writing.add(writing);
    writing.finally(() => this.#writing.delete(writing)).catch(() => {});
    return writing;
  }

  /** Logs rows that no commit makes. */
  async logRows(rows: readonly LogRow[]): Promise<void> {
    await this.#write(rows, {});
  }

  /** Resolves once all that is late is there. */
  async settled(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  async #write(rows: readonly LogRow[], fate: Fate): Promise<void> {
    const { chance } = this.#parts;
    const now = Date.now() * 1_000 + chance.between(0, 999);
    const microseconds = fate.isAtOnce === true && this.#lastMicroseconds > 0
      ? this.#lastMicroseconds
      : now + (fate.skewMs ?? 0) * 1_000;
    this.#lastMicroseconds = microseconds;
    const group = this.#groupOf(rows, { microseconds, fate });
    await later(fate.lateMs ?? 0);
    await this.#insert(fate.loses === "all" ? [] : kept(group, fate));
    if (fate.againAfterMs === undefined) return;
    await later(fate.againAfterMs);
    await this.#insert(this.#groupOf(rows, { microseconds: Date.now() * 1_000, fate }));
  }

  #groupOf(
    rows: readonly LogRow[],
    { microseconds, fate }: { readonly microseconds: number; readonly fate: Fate },
  ): readonly Statement[] {
    const { layout: { log }, chance } = this.#parts;
    const [first] = rows;
    if (first === undefined) return [];
    const stream = this.#streamOf(first, fate.isInClosed === true);
    const time = timeUuid(microseconds, () => chance.next());
    return rows.map((row, batchSeqNo) => {
      const isLast = batchSeqNo === rows.length - 1;
      return insertRow({ log, stream, time, batchSeqNo, isLast }, row);
    });
  }

  #streamOf(row: LogRow, isInClosed: boolean): Uint8Array {
    const begun = this.#sets.filter(({ atMs }) => atMs <= Date.now());
    const set = (isInClosed ? begun.at(-2) : begun.at(-1)) ?? begun.at(-1) ?? this.#sets[0];
    const stream = set?.streams[tokenOf(row) % set.streams.length];
    if (stream === undefined) throw new Error("expected streams to log to, found none; begin a set before");
    return stream;
  }

  async #insert(group: readonly Statement[]): Promise<void> {
    if (group.length > 0) await this.#parts.session.batch(group);
  }

  #newStream(): Uint8Array {
    const { chance } = this.#parts;
    return Uint8Array.from({ length: STREAM_BYTES }, () => chance.between(0, 255));
  }

  /** The moment last, for it is what readers ask for first. */
  async #tellSet({ atMs, streams }: StreamSet): Promise<void> {
    const { session, layout } = this.#parts;
    const at = new Date(atMs);
    if (layout.sets === "vnodes") {
      const cql = `INSERT INTO ${layout.streams} (time, range_end, streams) VALUES (?, ?, ?)`;
      for (let end = 0; end < streams.length; end += STREAMS_PER_NODE) {
        const some = setLiteral(streams.slice(end, end + STREAMS_PER_NODE));
        await session.execute({ cql: cql.replace("?, ?, ?", `?, ?, ${some}`), values: [at, BigInt(end)] });
      }
      const tell = `INSERT INTO ${layout.timestamps} (key, time) VALUES (?, ?)`;
      return void await session.execute({ cql: tell, values: ["timestamps", at] });
    }
    const names = [layout.keyspace, layout.table];
    const cql = `INSERT INTO ${layout.streams} (keyspace_name, table_name, timestamp, stream_state, stream_id) ` +
      "VALUES (?, ?, ?, ?, ?)";
    const closed = this.#sets.at(-1)?.streams ?? [];
    for (const [state, all] of [[CLOSED, closed], [CURRENT, streams]] as const) {
      for (const stream of all) await session.execute({ cql, values: [...names, at, state, stream] });
    }
    const tell = `INSERT INTO ${layout.timestamps} (keyspace_name, table_name, timestamp) VALUES (?, ?, ?)`;
    await session.execute({ cql: tell, values: [...names, at] });
  }
}

function kept(group: readonly Statement[], { loses }: Fate): readonly Statement[] {
  if (loses === "last") return group.slice(0, -1);
  const middle = Math.floor(group.length / 2);
  return loses === "middle" ? group.filter((_, at) => at !== middle) : group;
}

function setLiteral(streams: readonly Uint8Array[]): string {
  return `{${streams.map((stream) => `0x${stream.toHex()}`).join(", ")}}`;
}

function later(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
