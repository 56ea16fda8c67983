import { type RecordedEvent, type Stream, streamKey } from "../../../core/ports/event_store.ts";
import type { CqlRow } from "../session.ts";
import { Recent } from "./recent.ts";
import { type Entry, entryOf, groupOf, isEndOfGroup, isOfGroup, timeOf } from "./log_row.ts";

/** What some rows of the log say of one stream: that it holds events up to `through`, and some of them in order. */
export type Shown = {
  readonly stream: Stream;
  readonly through: number;
  /** By the rows' own time, the first of them. */
  readonly atMs: number;
  readonly events: readonly RecordedEvent[];
};

export type LogPageParts = {
  readonly seen: Seen;
  readonly wants: (stream: Stream) => boolean;
  readonly onDamage: (damage: Entry & { readonly is: "damage" }) => void;
  readonly onStrange: (reason: string) => void;
};

type Growing = { readonly stream: Stream; through: number; atMs: number; readonly events: Map<number, RecordedEvent> };
type Group = {
  readonly name: string;
  readonly first: CqlRow;
  readonly atMs: number;
  stream: Stream | undefined;
};

/** Makes pages of rows into what they say that was not said before. Holds a page at a time. */
export class LogPages {
  readonly #parts: LogPageParts;
  /** The group of the last row, while its end has not come. */
  #open: Group | undefined;

  constructor(parts: LogPageParts) {
    this.#parts = parts;
  }

  take(rows: readonly CqlRow[]): readonly Shown[] {
    const shown = new Map<string, Growing>();
    for (const row of rows) this.#take(row, shown);
    return [...shown.values()].map(toShown);
  }

  /** To be called behind the last page of a look: what has not ended by then is torn. */
  end(): readonly Shown[] {
    const shown = new Map<string, Growing>();
    this.#close(shown);
    return [...shown.values()].map(toShown);
  }

  #take(row: CqlRow, shown: Map<string, Growing>): void {
    if (this.#open !== undefined && !isOfGroup(row, this.#open.first)) this.#close(shown);
    this.#open ??= { name: groupOf(row), first: row, atMs: timeOf(row) ?? 0, stream: undefined };
    const { name } = this.#open;
    const entry = entryOf(row);
    if ("stream" in entry && this.#parts.wants(entry.stream)) {
      this.#open.stream = entry.stream;
      this.#note(entry, shown);
    } else if (entry.is === "strange" && this.#isNew(`${name} ${entry.reason}`)) {
      this.#parts.onStrange(entry.reason);
    }
    if (isEndOfGroup(row)) this.#open = undefined;
  }

  #note(entry: Entry & { readonly stream: Stream }, shown: Map<string, Growing>): void {
    const { name = "", atMs = 0 } = this.#open ?? {};
    const key = streamKey(entry.stream);
    if (entry.is === "damage") {
      if (this.#isNew(`${name} ${entry.operation} ${key}`)) this.#parts.onDamage(entry);
      return;
    }
    if (entry.is !== "event" || !this.#isNew(`${name} ${entry.sequence} ${key}`)) return;
    const growing = grow(shown, { stream: entry.stream, atMs });
    growing.through = Math.max(growing.through, entry.sequence);
    const event = entry.event();
    if (event !== undefined) growing.events.set(entry.sequence, event);
    else this.#parts.onStrange(`the content of event ${entry.sequence} of ${key}`);
  }

  /** A commit whose last row is not there holds more than was shown: only the stream says what. */
  #close(shown: Map<string, Growing>): void {
    const group = this.#open;
    this.#open = undefined;
    if (group?.stream === undefined || !this.#isNew(`${group.name} torn`)) return;
    grow(shown, { stream: group.stream, atMs: group.atMs }).through = Infinity;
  }

  #isNew(key: string): boolean {
    return this.#parts.seen.add(key);
  }
}

/** Looks overlap, so that most rows are read more than once. */
const SEEN = 50_000;

/** What was said last. */
export class Seen {
  readonly #keys = new Recent<true>(SEEN);

  /** False when it is in here. */
  add(key: string): boolean {
    if (this.#keys.get(key) === true) return false;
    this.#keys.set(key, true);
    return true;
  }
}

function grow(
  shown: Map<string, Growing>,
  { stream, atMs }: { readonly stream: Stream; readonly atMs: number },
): Growing {
  const key = streamKey(stream);
  const growing = shown.get(key) ?? { stream, through: 0, atMs, events: new Map() };
  growing.atMs = Math.min(growing.atMs, atMs);
  shown.set(key, growing);
  return growing;
}

function toShown({ stream, through, atMs, events }: Growing): Shown {
  const sorted = [...events.values()].toSorted((a, b) => a.sequenceNumber - b.sequenceNumber);
  return { stream, through, atMs, events: sorted };
}
