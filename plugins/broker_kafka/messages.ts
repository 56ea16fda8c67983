import type { TopicEntry, TopicMessage } from "../../core/ports/broker.ts";
import type { StoredRecord } from "./kafka_client.ts";
import { placeId } from "./place_ids.ts";

/** A record that is a message, and the offsets to go on from behind it, by partition. */
export type Told = { readonly record: StoredRecord; readonly message: TopicMessage; readonly next: readonly number[] };

const HEADERS = ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence"] as const;

/** Undefined for what nobody here has published. */
export function messageOf({ key, headers, value }: StoredRecord): TopicMessage | undefined {
  if (key === undefined || value === undefined || HEADERS.some((name) => headers[name] === undefined)) return undefined;
  return headers.ce_eventversion === undefined ? undefined : { key, headers, value };
}

export function entryOf({ record, message, next }: Told): TopicEntry {
  return { id: placeId({ next, partition: record.partition, eventId: message.headers.ce_id ?? "" }), message };
}

/** Moves the offsets past the records, and gives those that are messages. */
export function tell(records: readonly StoredRecord[], next: readonly number[]): { told: Told[]; next: number[] } {
  const offsets = [...next];
  const told: Told[] = [];
  for (const record of records) {
    offsets[record.partition] = record.offset + 1;
    const message = messageOf(record);
    if (message !== undefined) told.push({ record, message, next: [...offsets] });
  }
  return { told, next: offsets };
}
