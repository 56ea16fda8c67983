import { InvalidCursor } from "../../core/ports/read_models.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import type { CqlSession } from "./session.ts";
import { fromText } from "../../core/engine/stored_text.ts";
import { toUnavailable } from "./unavailable.ts";

const PAGE_ROWS = 1_000;
const FIRST_TOKEN = -(2n ** 63n);
const TOKEN = "token(aggregate_type, aggregate_id, bucket)";
/** A partition of a stream that has events has a row of one; its first bucket stands for the stream. */
const LIST = `SELECT ${TOKEN} AS place, aggregate_type, aggregate_id, bucket, sequence_number FROM event_store ` +
  `WHERE ${TOKEN} > ? PER PARTITION LIMIT 1`;

/** By the token of their first partition; a place is the last one's token. */
export function createStreamList(session: CqlSession): StreamList {
  return {
    async *streams(after) {
      const pages = session.pages({ cql: LIST, values: [readPlace(after)] }, { pageSize: PAGE_ROWS });
      try {
        for await (const rows of pages) {
          const streams = rows
            .filter((row) => row["bucket"] === 0 && typeof row["sequence_number"] === "bigint")
            .map((row) => ({
              aggregateType: fromText(String(row["aggregate_type"])),
              aggregateId: fromText(String(row["aggregate_id"])),
            }));
          const place = rows.at(-1)?.["place"];
          if (streams.length > 0 && typeof place === "bigint") yield { streams, place: String(place) };
        }
      } catch (error) {
        throw toUnavailable(error);
      }
    },
  };
}

/** Two partitions of one token are as good as impossible, and would lie in one page. */
function readPlace(place: string | null): bigint {
  if (place === null) return FIRST_TOKEN;
  if (/^-?\d{1,19}$/.test(place) && BigInt.asIntN(64, BigInt(place)) === BigInt(place)) return BigInt(place);
  throw new InvalidCursor(`Cannot go on after "${place}": expected a place of this list`);
}
