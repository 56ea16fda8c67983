import { InvalidCursor } from "../../core/ports/read_models.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import type { EventsReader } from "./events_reader.ts";

const PAGE = 100;

/** By type and id, as they are stored; a place is the last one's. */
export function createStreamList(reader: () => EventsReader): StreamList {
  return {
    async *streams(after) {
      let last = after === null ? { aggregateType: "", aggregateId: "" } : readPlace(after);
      for (;;) {
        const streams = reader().streams(last, PAGE);
        const end = streams.at(-1);
        if (end === undefined) return;
        last = end;
        yield { streams, place: JSON.stringify([end.aggregateType, end.aggregateId]) };
      }
    },
  };
}

function readPlace(place: string) {
  const [aggregateType, aggregateId, ...more] = parse(place);
  if (typeof aggregateType === "string" && typeof aggregateId === "string" && more.length === 0) {
    return { aggregateType, aggregateId };
  }
  throw new InvalidCursor(`Cannot go on after "${place}": expected a place of this list`);
}

function parse(place: string): unknown[] {
  try {
    const cells: unknown = JSON.parse(place);
    return Array.isArray(cells) ? cells : [];
  } catch {
    return [];
  }
}
