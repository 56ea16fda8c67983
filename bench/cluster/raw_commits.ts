import type { Client } from "cassandra-driver";
import type { NewEvent, Stream } from "../../core/ports/event_store.ts";
import { insertEvent } from "../../plugins/storage_scylla/event_rows.ts";
import type { Statement } from "../../plugins/storage_scylla/session.ts";
import { LAYOUT, sliceOf } from "../../plugins/storage_scylla/partitions.ts";
import { percentile } from "../statistics.ts";
import { inParallel } from "./raw_client.ts";

/** The statements of `announcements.ts` and `commits.ts`. */
const ANNOUNCE = "INSERT INTO outbox_messages (slice, minute, at, commit_id, aggregate_type, aggregate_id, bucket, " +
  "expected, cond, count, fence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const MOVE = "UPDATE event_store SET current_sequence = ? " +
  "WHERE aggregate_type = ? AND aggregate_id = ? AND bucket = ? IF current_sequence = ? AND fence = ?";
const OPEN = "UPDATE event_store SET current_sequence = ? WHERE aggregate_type = ? AND aggregate_id = ? AND bucket = ?";
const PREPARED = { prepare: true };
const MINUTE_MS = 60_000;

/** The least an append can do: a commit of one event to a new stream, announced before. */
export async function commits(client: Client, load: { readonly concurrency: number; readonly seconds: number }) {
  const { times, ms } = await inParallel(load, () => commit(client));
  return {
    requests: times.length,
    perSecond: times.length / ms * 1000,
    p50Us: percentile(times, 50) * 1000,
    p99Us: percentile(times, 99) * 1000,
  };
}

async function commit(client: Client): Promise<void> {
  const stream = { aggregateType: "account", aggregateId: `raw-${crypto.randomUUID().slice(0, 18)}` };
  const { aggregateType, aggregateId } = stream;
  const commitId = crypto.randomUUID();
  const at = Date.now();
  const slice = sliceOf(stream, LAYOUT.slices);
  const place = [slice, BigInt(Math.floor(at / MINUTE_MS)), new Date(at), commitId];
  await client.execute(ANNOUNCE, [...place, aggregateType, aggregateId, 0, 0n, null, 1, null], PREPARED);
  const batch = opening(stream, commitId).map(({ cql, values }) => ({ query: cql, params: [...values] }));
  const { rows: [row] } = await client.batch(batch, { prepare: true, logged: false });
  if (row?.get("[applied]") !== true) throw new Error(`expected a commit to be applied, found ${JSON.stringify(row)}`);
}

/** The conditional batch that opens an account. */
export function opening(stream: Stream, commitId: string): readonly Statement[] {
  const { aggregateType, aggregateId } = stream;
  return [
    { cql: MOVE, values: [1n, aggregateType, aggregateId, 0, null, null] },
    insertEvent({ stream, bucket: 0, commitId, sequenceNumber: 1 }, opened()),
  ];
}

/** Streams of accounts that were stored long ago: nothing announces them any more. */
export async function seed(client: Client, { streams, events }: { readonly streams: number; readonly events: number }) {
  let next = 0;
  const worker = async () => {
    while (next < streams) {
      const stream = { aggregateType: "account", aggregateId: `old-${next++}` };
      const inserts = Array.from({ length: events }, (_, at) => {
        const place = { stream, bucket: 0, commitId: crypto.randomUUID(), sequenceNumber: at + 1 };
        const { cql, values } = insertEvent(place, at === 0 ? opened() : deposited());
        return { query: cql, params: [...values] };
      });
      const head = { query: OPEN, params: [BigInt(events), stream.aggregateType, stream.aggregateId, 0] };
      await client.batch([head, ...inserts], { prepare: true, logged: false });
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

function opened(): NewEvent {
  return { ...common(), eventType: "AccountOpened", data: { owner: "Somebody", initial_balance: 100 } };
}

function deposited(): NewEvent {
  return { ...common(), eventType: "MoneyDeposited", data: { amount: 5 } };
}

function common(): Omit<NewEvent, "eventType" | "data"> {
  return {
    eventId: crypto.randomUUID(),
    eventVersion: 1,
    timestamp: new Date().toISOString(),
    commandId: null,
    commandHash: null,
    causationId: null,
    correlationId: crypto.randomUUID(),
    userId: null,
    metadata: null,
  };
}
