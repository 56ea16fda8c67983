import { type EventStore, type RecordedEvent, type Stream, streamKey } from "../ports/event_store.ts";
import { InvalidCursor } from "../ports/read_models.ts";
import type { StreamList } from "../ports/stream_list.ts";
import { type AggregateEnd, AggregateSum, ExportSum, headerLine, lineOfEvent } from "./export_format.ts";
import { ExportRefused, type Line } from "./export_lines.ts";
import { partsOf } from "./export_parts.ts";

export type ExportParts = { readonly store: Pick<EventStore, "read">; readonly streamList: StreamList };

/** How far an export has come that was broken off. */
export type Reached = {
  /** So many bytes of it are whole aggregates, with what is needed to go on behind them. */
  readonly bytes: number;
  readonly place: string;
  readonly sum: ExportSum;
};

const PAGE_EVENTS = 500;
const ANOTHER = "it was begun from another store";

/**
 * The lines of an export: of every aggregate a prefix of its events, all of them if none are appended meanwhile. With
 * `reached` those behind it. Throws `Unavailable`.
 */
export async function* exportLines(
  parts: ExportParts,
  { madeAt, reached }: { readonly madeAt: string; readonly reached?: Reached | undefined },
): AsyncGenerator<string, void> {
  const sum = reached?.sum ?? new ExportSum();
  if (reached === undefined) yield headerLine(madeAt);
  for await (const { streams, place } of parts.streamList.streams(reached?.place ?? null)) {
    const last = streams.at(-1);
    for (const stream of streams) {
      const end = yield* aggregateLines(parts.store, stream, stream === last ? place : null);
      sum.add(end);
      yield `${JSON.stringify(end)}\n`;
    }
  }
  yield `${JSON.stringify(sum.end())}\n`;
}

async function* aggregateLines(
  store: ExportParts["store"],
  stream: Stream,
  place: string | null,
): AsyncGenerator<string, AggregateEnd> {
  const aggregate = new AggregateSum(stream);
  for (;;) {
    const page = await store.read(stream, { after: aggregate.events, limit: PAGE_EVENTS });
    for (const event of page) {
      if (event.sequenceNumber !== aggregate.events + 1) throw gapAt(stream, aggregate.events + 1, event);
      const line = lineOfEvent(event);
      aggregate.add(line);
      yield line;
    }
    if (page.length < PAGE_EVENTS) return aggregate.end(place);
  }
}

function gapAt(stream: Stream, expected: number, { sequenceNumber }: RecordedEvent): ExportRefused {
  return new ExportRefused(
    `the store is damaged: expected event ${expected} of ${streamKey(stream)}, found ${sequenceNumber}; restore it ` +
      "from a backup",
  );
}

/**
 * How far a broken-off export has come: up to its last aggregate behind which is known how to go on, before the first
 * line that is not right. Undefined when there is none. Throws `ExportRefused` where that aggregate is not the store's.
 */
export async function reachedIn(
  lines: AsyncIterable<Line>,
  { store, streamList }: ExportParts,
): Promise<Reached | undefined> {
  let reached: (Reached & { readonly last: RecordedEvent }) | undefined;
  let last: RecordedEvent | undefined;
  try {
    for await (const part of partsOf(lines)) {
      if (part.is === "event") last = part.event;
      if (part.is !== "aggregate_end" || part.end.place === null || last === undefined) continue;
      reached = { bytes: part.line.end, place: part.end.place, sum: part.sum.copy(), last };
    }
  } catch (error) {
    if (!(error instanceof ExportRefused)) throw error;
  }
  if (reached === undefined) return undefined;
  const { sequenceNumber, eventId } = reached.last;
  const [stored] = await store.read(reached.last, { after: sequenceNumber - 1, limit: 1 });
  if (stored?.eventId !== eventId) throw new ExportRefused(`${ANOTHER}: this one has no event ${eventId}`);
  await requirePlace(streamList, reached.place);
  return reached;
}

async function requirePlace(streamList: StreamList, place: string): Promise<void> {
  try {
    for await (const _page of streamList.streams(place)) return;
  } catch (error) {
    throw error instanceof InvalidCursor ? new ExportRefused(`${ANOTHER}: ${error.message}`) : error;
  }
}
