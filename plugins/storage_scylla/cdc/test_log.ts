import { CqlError, type CqlRow, type CqlSession, type Statement } from "../session.ts";
import type { LogLayout } from "./log_layout.ts";

/** The layout that a `TestLog` answers for. */
export const TEST_LAYOUT: LogLayout = {
  ...{ keyspace: "k", table: "event_store", log: "log", sets: "tablets", timestamps: "times", streams: "streams" },
  bypassesCache: false,
};

/** What a look asked for, in milliseconds since 1970. */
export type Asked = { readonly streams: readonly string[]; readonly fromMs: number; readonly toMs: number | undefined };

/** A server in memory with sets of streams and whatever pages of rows the next look is to find. */
export class TestLog {
  readonly asked: Asked[] = [];
  readonly streams: readonly Uint8Array[];
  /** Of the next look; then there is nothing. */
  pages: readonly (readonly CqlRow[])[] = [];
  /** Nobody answers at all, or not beyond the pages there are. */
  isAway = false;
  isTorn = false;
  /** The next statement fails on a row that nobody can read, or is never answered. */
  next: "answered" | "unreadable" | "hung" = "answered";
  readonly #sets = new Map<number, readonly Uint8Array[]>();

  constructor({ streams, setMs }: { readonly streams: number; readonly setMs: number }) {
    this.streams = Array.from({ length: streams }, (_, at) => Uint8Array.of(at % 256, Math.floor(at / 256)));
    this.#sets.set(setMs, this.streams);
  }

  beginSet(atMs: number, streams: readonly Uint8Array[]): void {
    this.#sets.set(atMs, streams);
  }

  readonly session: CqlSession = {
    execute: () => Promise.resolve([]),
    batch: () => Promise.resolve([]),
    pages: (statement) => this.#answer(statement),
    define: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };

  async *#answer({ cql, values }: Statement): AsyncGenerator<readonly CqlRow[], void> {
    const moments = values.filter((value) => value instanceof Date).map((value) => value.getTime());
    if (cql.includes("FROM log")) {
      const streams = values.filter((value) => value instanceof Uint8Array).map((value) => value.toHex());
      this.asked.push({ streams, fromMs: moments[0] ?? 0, toMs: moments[1] });
    }
    if (this.isAway) throw new CqlError("unknown", "nobody answers");
    const { next } = this;
    this.next = "answered";
    if (next === "unreadable") throw new TypeError("a row that nobody can read");
    if (next === "hung") await new Promise(() => {});
    const [first = 0] = moments;
    if (cql.includes("FROM streams")) yield (this.#sets.get(first) ?? []).map((stream) => ({ stream_id: stream }));
    else if (cql.includes("FROM times")) yield [...this.#sets.keys()].filter((at) => at > first).map(toRow);
    else {
      const pages = this.pages;
      this.pages = [];
      for (const page of pages) yield page;
      if (this.isTorn) throw new CqlError("unknown", "nobody answers");
    }
  }
}

function toRow(atMs: number): CqlRow {
  return { at: new Date(atMs) };
}
