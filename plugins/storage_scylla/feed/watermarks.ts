import { type Stream, streamKey } from "../../../core/ports/event_store.ts";
import { inFlight } from "../../../core/engine/in_flight.ts";
import type { CqlSession } from "../session.ts";
import { toText } from "../../../core/engine/stored_text.ts";

/** Up to which event of a stream a subscription has come. */
export type Watermark = { readonly stream: Stream; readonly sequence: number };

const READ =
  "SELECT sequence FROM projection_offsets WHERE subscription = ? AND aggregate_type = ? AND aggregate_id = ?";
/** The number is the write's time as well: so a watermark never goes back, whoever writes it however late. */
const WRITE = "INSERT INTO projection_offsets (subscription, aggregate_type, aggregate_id, sequence) " +
  "VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
const IN_FLIGHT = 64;
/** So many partitions in a batch are what a server takes without a warning; it saves most of the requests. */
const BATCH = 10;

/** 0 where there is none. Throws a `CqlError`. */
export async function readWatermark(session: CqlSession, subscription: string, stream: Stream): Promise<number> {
  const values = [subscription, toText(stream.aggregateType), toText(stream.aggregateId)];
  const [row] = await session.execute({ cql: READ, values });
  return Number(row?.["sequence"] ?? 0);
}

export async function readWatermarks(
  session: CqlSession,
  subscription: string,
  streams: readonly Stream[],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  await inFlight(streams, IN_FLIGHT, async (stream) => {
    found.set(streamKey(stream), await readWatermark(session, subscription, stream));
  });
  return found;
}

/** Durable once it resolves. */
export async function writeWatermarks(
  session: CqlSession,
  subscription: string,
  watermarks: readonly Watermark[],
): Promise<void> {
  const writes = watermarks.map(({ stream, sequence }) => {
    const number = BigInt(sequence);
    return {
      cql: WRITE,
      values: [subscription, toText(stream.aggregateType), toText(stream.aggregateId), number, number],
    };
  });
  const batches = Array.from(
    { length: Math.ceil(writes.length / BATCH) },
    (_, at) => writes.slice(at * BATCH, (at + 1) * BATCH),
  );
  await inFlight(batches, IN_FLIGHT, async (batch) => void await session.batch(batch));
}
