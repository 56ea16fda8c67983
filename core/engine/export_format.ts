import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import type { Fields } from "../model/message.ts";
import type { RecordedEvent, Stream } from "../ports/event_store.ts";
import { envelope } from "./envelope.ts";

/**
 * An export is lines of JSON in UTF-8: a header; for each aggregate its events in order from the first, as the wire
 * shows them and with the key of their command, and a closing line; and one that closes the whole. A closing line has
 * the SHA-256 of the lines it closes, each with its newline, as they stand in the file; the last one that of the
 * closing lines' checksums, a line each. The place in some closing lines is where a broken-off export goes on.
 */
export const FORMAT = "annals_export";
export const FORMAT_VERSION = 1;

/** Whatever follows in the header, and whatever its version. */
export const BEGINNING = JSON.stringify({ format: FORMAT }).slice(0, -1);

const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256");
const fields = z.custom<Fields>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "expected an object",
);

export const header = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  made_by: z.string(),
  made_at: z.iso.datetime(),
});
export const eventLine = z.strictObject({
  event_id: z.string(),
  aggregate_type: z.string(),
  aggregate_id: z.string(),
  sequence_number: z.int().positive(),
  event_type: z.string(),
  event_version: z.int32().positive(),
  event_data: fields,
  causation_id: z.string().nullable(),
  correlation_id: z.string().nullable(),
  user_id: z.string().nullable(),
  timestamp: z.iso.datetime({ precision: 3 }),
  metadata: fields.nullable(),
  command_id: z.string().nullable(),
  command_hash: z.string().nullable(),
});
export const aggregateEnd = z.strictObject({
  end: z.literal("aggregate"),
  aggregate_type: z.string(),
  aggregate_id: z.string(),
  events: count,
  last_version: count,
  sha256,
  place: z.string().nullable(),
});
export const exportEnd = z.strictObject({ end: z.literal("export"), aggregates: count, events: count, sha256 });

export type AggregateEnd = z.output<typeof aggregateEnd>;
export type ExportEnd = z.output<typeof exportEnd>;

export function headerLine(madeAt: string): string {
  const line: z.input<typeof header> = {
    format: FORMAT,
    version: FORMAT_VERSION,
    made_by: "annals",
    made_at: madeAt,
  };
  return `${JSON.stringify(line)}\n`;
}

/** The same event gives the same line, from whichever store it was read. */
export function lineOfEvent(event: RecordedEvent): string {
  const { commandId: command_id, commandHash: command_hash } = event;
  const line: z.input<typeof eventLine> = { ...envelope(event), command_id, command_hash };
  return `${JSON.stringify(line)}\n`;
}

export function eventOf(line: z.output<typeof eventLine>): RecordedEvent {
  return {
    eventId: line.event_id,
    aggregateType: line.aggregate_type,
    aggregateId: line.aggregate_id,
    sequenceNumber: line.sequence_number,
    eventType: line.event_type,
    eventVersion: line.event_version,
    data: line.event_data,
    causationId: line.causation_id,
    correlationId: line.correlation_id,
    userId: line.user_id,
    timestamp: line.timestamp,
    metadata: line.metadata,
    commandId: line.command_id,
    commandHash: line.command_hash,
  };
}

/** What the lines of one aggregate come to; lines with their newlines. */
export class AggregateSum {
  readonly stream: Stream;
  #events = 0;
  readonly #hash = createHash("sha256");

  constructor({ aggregateType, aggregateId }: Stream) {
    this.stream = { aggregateType, aggregateId };
  }

  get events(): number {
    return this.#events;
  }

  add(line: string): void {
    this.#events += 1;
    this.#hash.update(line);
  }

  /** Once, when all of its lines were added. */
  end(place: string | null): AggregateEnd {
    return {
      end: "aggregate",
      aggregate_type: this.stream.aggregateType,
      aggregate_id: this.stream.aggregateId,
      events: this.#events,
      last_version: this.#events,
      sha256: this.#hash.digest("hex"),
      place,
    };
  }
}

/** What the aggregates come to. */
export class ExportSum {
  #aggregates = 0;
  #events = 0;
  readonly #hash: Hash;

  constructor(hash = createHash("sha256")) {
    this.#hash = hash;
  }

  add({ events, sha256 }: AggregateEnd): void {
    this.#aggregates += 1;
    this.#events += events;
    this.#hash.update(`${sha256}\n`);
  }

  end(): ExportEnd {
    const digest = this.#hash.copy().digest("hex");
    return { end: "export", aggregates: this.#aggregates, events: this.#events, sha256: digest };
  }

  copy(): ExportSum {
    const copy = new ExportSum(this.#hash.copy());
    copy.#aggregates = this.#aggregates;
    copy.#events = this.#events;
    return copy;
  }
}
