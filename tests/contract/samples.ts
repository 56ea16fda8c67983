import type { Fields } from "../../core/model/message.ts";
import type { EventStore, NewEvent, RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import type { ChangeLog, Changes } from "../../core/ports/change_log.ts";
import type { Checkpoint } from "../../core/ports/progress.ts";

/** What a suite asks of an adapter: freshly opened, empty, and closed at the end of the case. */
export type Open<T> = () => Promise<T & AsyncDisposable>;

let lastId = 0;

/** A new event id: a UUID, counted up, so that a failing case prints the same ids again. */
export function nextId(): string {
  return `00000000-0000-7000-8000-${String(++lastId).padStart(12, "0")}`;
}

export function sampleEvent(change: Partial<NewEvent> = {}): NewEvent {
  return {
    eventId: nextId(),
    eventType: "Counted",
    eventVersion: 1,
    data: { amount: 1 },
    timestamp: "2026-11-21T10:00:00.000Z",
    commandId: null,
    commandHash: null,
    causationId: null,
    correlationId: null,
    userId: null,
    metadata: null,
    ...change,
  };
}

export function sampleEvents(count: number, change: Partial<NewEvent> = {}): NewEvent[] {
  return Array.from({ length: count }, () => sampleEvent(change));
}

export function streamOf(aggregateId: string, aggregateType = "counter"): Stream {
  return { aggregateType, aggregateId };
}

/** Appends where the stream stands; for cases that are about something else than versions. */
export async function appendNext(store: EventStore, stream: Stream, events: readonly NewEvent[]): Promise<void> {
  const expectedVersion = await store.version(stream);
  const outcome = await store.append(stream, { expectedVersion, events });
  if (outcome !== "applied") throw new Error(`expected the append to be applied, found ${outcome}`);
}

/** JSON at its edges: what a store that re-encodes, truncates or rounds would change. */
export const HARD_JSON: Fields = {
  empty: {},
  list: [],
  nothing: null,
  yes: true,
  numbers: [0, 0.1, -1.5, 2 ** 53 + 2, Number.MAX_VALUE, Number.MIN_VALUE, 1e21, -1e-7],
  text: 'quotes " and \\ and \u0000 and \u2028 and \u007f',
  unicode: "äß漢字🎉e\u0301",
  loneSurrogates: ["\ud800", "x\udc00y", "\udfff\ud800"],
  "odd key \u0000 \ud800 '": { deep: [[[{ deeper: [1, [2, [3]]] }]]] },
  long: "lang ".repeat(20_000),
};

/** Plain text at its edges, for fields that are not JSON. */
export const HARD_TEXTS = [
  "",
  "a\u0000b",
  "\\",
  "\\u0000",
  "\ud800",
  "x\udfff\\",
  "äß漢字🎉",
  "'; drop table events; --",
];

export type ReaderOptions = {
  readonly after?: Checkpoint | null;
  readonly eventTypes?: readonly string[];
  readonly limit?: number;
};

/** One subscription's view of a change log: pages are taken by hand, closing aborts it. */
export function openReader(
  log: ChangeLog,
  { after = null, eventTypes = ["Counted"], limit = 1_000 }: ReaderOptions = {},
) {
  const abort = new AbortController();
  const options = { after, eventTypes: new Set(eventTypes), limit, signal: abort.signal };
  const pages = log.changes(options)[Symbol.asyncIterator]();
  const seen: RecordedEvent[] = [];
  let checkpoint = after;
  const next = async (): Promise<Changes> => {
    const { value, done } = await pages.next();
    if (done) throw new Error("expected a page of changes, found the end");
    seen.push(...value.events);
    checkpoint = value.checkpoint;
    return value;
  };
  return {
    pages,
    seen,
    abort,
    next,
    checkpoint: () => checkpoint,
    /** Reads until so many events were seen in all. */
    async until(count: number): Promise<readonly RecordedEvent[]> {
      while (seen.length < count) await next();
      return seen;
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await pages.return?.();
    },
  };
}

/** Names an event by where it stands: "stream/3". */
export function placeOf({ aggregateId, sequenceNumber }: RecordedEvent): string {
  return `${aggregateId}/${sequenceNumber}`;
}
