import { type EventStore, type RecordedEvent, type Stream, streamKey, Unavailable } from "../ports/event_store.ts";
import { MAX_BYTES_PER_COMMIT, MAX_EVENTS_PER_COMMIT } from "./decide.ts";
import { lineOfEvent } from "./export_format.ts";
import { ExportRefused } from "./export_lines.ts";
import type { Part } from "./export_parts.ts";
import { inLanes } from "./lanes.ts";

export type ImportOptions = {
  readonly store: Pick<EventStore, "read" | "append">;
  /** The file from its first line, as often as it is asked for. */
  readonly parts: () => AsyncIterable<Part>;
  /** Told of how many events each step has come past. */
  readonly onProgress?: (step: ImportStep, events: number) => void;
};
export type ImportStep = "checked" | "imported" | "verified";

/** What is in the file, and so in the store; `imported` of it came with this call. */
export type Imported = { readonly aggregates: number; readonly events: number; readonly imported: number };

/** Events of one stream, as many as one append may take. */
type Chunk = { readonly stream: Stream; readonly events: readonly RecordedEvent[] };

const CHUNKS_AT_ONCE = 64;
const MAX_TRIES = 10;

/**
 * Stores the events of an export as they were, ids and times included. The whole file is checked, and held against the
 * store, before anything is written; what the store has already is left alone, so an import that was broken off is done
 * again; then all of it is read back. Throws `ExportRefused` for a file that is not right or a stream that differs, and
 * `Unavailable`.
 */
export async function importAll({ store, parts, onProgress = () => {} }: ImportOptions): Promise<Imported> {
  const each = async (step: ImportStep, work: (chunk: Chunk) => Promise<number>) => {
    const sum = { aggregates: 0, events: 0, found: 0 };
    onProgress(step, 0);
    const counted = async ({ stream, events }: Chunk) => {
      const found = await work({ stream, events });
      sum.found += found;
      sum.events += events.length;
      if (events[0]?.sequenceNumber === 1) sum.aggregates += 1;
      onProgress(step, sum.events);
    };
    await inLanes(chunksOf(parts()), {
      lanes: CHUNKS_AT_ONCE,
      keyOf: ({ stream }) => streamKey(stream),
      work: counted,
    });
    return sum;
  };
  const missingOf = async (chunk: Chunk) => (await missing(store, chunk)).length;
  const { aggregates, events, found } = await each("checked", missingOf);
  if (found === 0) return { aggregates, events, imported: 0 };
  const { found: imported } = await each("imported", (chunk) => write(store, chunk));
  const { found: lost } = await each("verified", missingOf);
  if (lost > 0) {
    throw new ExportRefused(`expected all events in the store, found ${lost} of them missing; import again`);
  }
  return { aggregates, events, imported };
}

async function* chunksOf(parts: AsyncIterable<Part>): AsyncGenerator<Chunk, void> {
  let events: RecordedEvent[] = [];
  let bytes = 0;
  for await (const part of parts) {
    const [first] = events;
    const size = part.line.text.length;
    const isFull = events.length === MAX_EVENTS_PER_COMMIT || bytes + size > MAX_BYTES_PER_COMMIT;
    if (first !== undefined && (part.is !== "event" || isFull)) {
      yield { stream: streamOf(first), events };
      events = [];
      bytes = 0;
    }
    if (part.is !== "event") continue;
    events.push(part.event);
    bytes += size;
  }
}

function streamOf({ aggregateType, aggregateId }: RecordedEvent): Stream {
  return { aggregateType, aggregateId };
}

/** Those at the chunk's end that the stream does not have yet. Throws `ExportRefused` where it has others. */
async function missing(store: ImportOptions["store"], { stream, events }: Chunk): Promise<readonly RecordedEvent[]> {
  const after = (events[0]?.sequenceNumber ?? 1) - 1;
  const stored = await store.read(stream, { after, limit: events.length });
  for (const [at, event] of events.entries()) {
    const there = stored[at];
    if (there !== undefined && lineOfEvent(there) !== lineOfEvent(event)) throw different(event, there);
  }
  return events.slice(stored.length);
}

/** Appends what is missing, however often another writer or a lost answer comes in between. */
async function write(store: ImportOptions["store"], chunk: Chunk): Promise<number> {
  const { stream } = chunk;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const events = await missing(store, chunk);
    const [first] = events;
    if (first === undefined) return 0;
    const outcome = await store.append(stream, { expectedVersion: first.sequenceNumber - 1, events });
    if (outcome === "applied") return events.length;
  }
  throw new Unavailable(`Cannot append to ${streamKey(stream)}: tried ${MAX_TRIES} times; import again to go on`);
}

function different(event: RecordedEvent, there: RecordedEvent): ExportRefused {
  const name = `${streamKey(event)} differs at version ${event.sequenceNumber}`;
  const found = there.eventId === event.eventId ? "that one with another content" : there.eventId;
  return new ExportRefused(
    `${name}: expected event ${event.eventId} or none in the store, found ${found}; import into a store without it`,
  );
}
