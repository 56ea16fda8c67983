import { z } from "zod";
import { type RecordedEvent, streamKey } from "../ports/event_store.ts";
import {
  type AggregateEnd,
  aggregateEnd,
  AggregateSum,
  eventLine,
  eventOf,
  type ExportEnd,
  exportEnd,
  ExportSum,
  FORMAT,
  FORMAT_VERSION,
  header,
} from "./export_format.ts";
import { type Line, refusal } from "./export_lines.ts";

/** What a line behind the header says, once all before it was found to be right. */
export type Part =
  | { readonly is: "event"; readonly event: RecordedEvent; readonly line: Line }
  | { readonly is: "aggregate_end"; readonly end: AggregateEnd; readonly sum: ExportSum; readonly line: Line }
  | { readonly is: "export_end"; readonly end: ExportEnd; readonly line: Line };

/**
 * Reads an export in a memory that does not grow with it. Throws an `ExportRefused` that names the line at the first
 * one that is not as an export has it, and at the end of a file that has no end.
 */
export async function* partsOf(lines: AsyncIterable<Line>): AsyncGenerator<Part, void> {
  const reading = new Reading();
  let number = 0;
  for await (const line of lines) {
    number = line.number;
    if (number === 1) requireHeader(line);
    else yield reading.take(line);
  }
  if (number === 0) throw refusal(1, "is missing: the file is empty");
  if (!reading.hasEnded) throw refusal(number + 1, "is missing, as of a file that was cut off");
}

function requireHeader(line: Line): void {
  const json = jsonOf(line);
  const found = z.object({ format: z.literal(FORMAT), version: z.int() }).safeParse(json);
  if (!found.success) {
    throw refusal(1, "is not the header of an export of Annals", "name a file that deno task export has made");
  }
  const { version } = found.data;
  if (version > FORMAT_VERSION) throw refusal(1, `is of the newer format ${version}`, "use a newer deploy");
  parsed(header, line, json);
}

const closes = z.object({ end: z.enum(["aggregate", "export"]) });

class Reading {
  hasEnded = false;
  readonly #sum = new ExportSum();
  #aggregate: AggregateSum | undefined;

  take(line: Line): Part {
    if (this.hasEnded) throw refusal(line.number, "stands behind the end of the export");
    const json = jsonOf(line);
    const closing = closes.safeParse(json).data?.end;
    if (closing === undefined) return this.#event(line, json);
    return closing === "aggregate" ? this.#endAggregate(line, json) : this.#endExport(line, json);
  }

  #event(line: Line, json: unknown): Part {
    const event = eventOf(parsed(eventLine, line, json));
    const aggregate = this.#aggregate ??= new AggregateSum(event);
    const expected = `${streamKey(aggregate.stream)} ${aggregate.events + 1}`;
    const found = `${streamKey(event)} ${event.sequenceNumber}`;
    if (found !== expected) throw refusal(line.number, `is event ${found}: expected ${expected}`);
    if (event.aggregateType !== aggregate.stream.aggregateType) {
      throw refusal(line.number, `is of the type ${event.aggregateType}: expected ${aggregate.stream.aggregateType}`);
    }
    aggregate.add(line.text);
    return { is: "event", event, line };
  }

  #endAggregate(line: Line, json: unknown): Part {
    const end = parsed(aggregateEnd, line, json);
    const expected = this.#aggregate?.end(end.place);
    requireSame(line, { found: end, expected });
    this.#aggregate = undefined;
    this.#sum.add(end);
    return { is: "aggregate_end", end, sum: this.#sum, line };
  }

  #endExport(line: Line, json: unknown): Part {
    const end = parsed(exportEnd, line, json);
    const expected = this.#aggregate === undefined ? this.#sum.end() : undefined;
    requireSame(line, { found: end, expected });
    this.hasEnded = true;
    return { is: "export_end", end, line };
  }
}

function requireSame(line: Line, { found, expected }: { found: object; expected: object | undefined }): void {
  if (expected === undefined) throw refusal(line.number, "closes what was not begun, or not closed before");
  const [is, should] = [JSON.stringify(found), JSON.stringify(expected)];
  if (is !== should) throw refusal(line.number, `does not agree with the lines before it: expected ${should}`);
}

function parsed<T>(schema: z.ZodType<T>, line: Line, json: unknown): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refusal(line.number, `is not as expected: ${issue?.path.join(".")} ${issue?.message}`);
}

function jsonOf({ text, number }: Line): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refusal(number, "is no JSON");
  }
}
