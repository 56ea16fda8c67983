import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { Stream } from "./event_store.ts";
import type { Parked, ParkedPage } from "./progress.ts";

/** The page that begins a list of one more than may be in it. */
export function pageOfParked(subscription: string, found: readonly Parked[], limit: number): ParkedPage {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (last === undefined || found.length <= limit) return { items, next: null };
  const { aggregateType, aggregateId } = last;
  return { items, next: encodeCursor(listOf(subscription), { sort: aggregateType, key: aggregateId }) };
}

/** The last item of the page before; throws `InvalidCursor`. */
export function placeOfParked(subscription: string, after: string): Stream {
  const { sort, key } = decodeCursor(after, listOf(subscription));
  return { aggregateType: sort, aggregateId: key };
}

function listOf(subscription: string): readonly [string, string] {
  return ["parked", subscription];
}
