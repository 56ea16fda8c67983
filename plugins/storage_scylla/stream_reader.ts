import type { EventStore, RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import { EVENT_COLUMNS, toEvent } from "./event_rows.ts";
import { bucketAfter, type Layout, PARTITION, partitionOf } from "./partitions.ts";
import type { CqlSession } from "./session.ts";
import { StreamHeads } from "./stream_heads.ts";

/** Reads streams as they are at a quorum. Every call throws a `CqlError`. */
export type StreamReader = Pick<EventStore, "read" | "version"> & { readonly heads: StreamHeads };

const READ = `SELECT ${EVENT_COLUMNS}, current_sequence, fence FROM event_store ` +
  `WHERE ${PARTITION} AND sequence_number > ? LIMIT ?`;

export function createStreamReader(session: CqlSession, layout: Layout): StreamReader {
  const heads = new StreamHeads(session, layout);
  return {
    heads,
    async read(stream, { after, limit }) {
      const events: RecordedEvent[] = [];
      let last = after;
      // Behind a bucket there is another only once the stream has reached its end.
      for (let bucket = bucketAfter(after, layout); events.length < limit; bucket += 1) {
        const page = { bucket, after: last, limit: limit - events.length };
        for await (const event of readBucket({ session, heads }, stream, page)) {
          // A gap: what follows was appended after the bucket before was read.
          if (event.sequenceNumber !== last + 1) return events;
          events.push(event);
          last = event.sequenceNumber;
        }
        if (last < (bucket + 1) * layout.bucketEvents) break;
      }
      return events;
    },
    async version(stream) {
      return (await heads.load(stream)).version;
    },
  };
}

async function* readBucket(
  { session, heads }: { readonly session: CqlSession; readonly heads: StreamHeads },
  stream: Stream,
  { bucket, after, limit }: { readonly bucket: number; readonly after: number; readonly limit: number },
): AsyncGenerator<RecordedEvent, void> {
  const values = [...partitionOf(stream, bucket), BigInt(after), limit];
  let isLearned = false;
  for await (const rows of session.pages({ cql: READ, values })) {
    for (const row of rows) {
      if (!isLearned) heads.learnFrom(stream, { bucket, row });
      isLearned = true;
      yield toEvent(row);
    }
  }
}
