import type { RecordedEvent } from "../../../core/ports/event_store.ts";

/**
 * What of these events of one aggregate, in order, comes next after those delivered: without a gap, and nothing again.
 * Empty when the next one is not among them.
 */
export function nextAfter(delivered: number, events: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const from = events.findIndex(({ sequenceNumber }) => sequenceNumber === delivered + 1);
  if (from === -1) return [];
  let end = from + 1;
  while (events[end]?.sequenceNumber === delivered + 1 + end - from) end += 1;
  return events.slice(from, end);
}
