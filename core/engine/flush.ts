import { type RecordedEvent, streamKey } from "../ports/event_store.ts";
import type { ProgressUpdate } from "../ports/progress.ts";
import type { FailedEvent, UnitOfWork } from "../ports/subscriber.ts";

/** Of events that were applied: which failed on their own afterwards, and how many were done. */
export type Flushed = { readonly failed: readonly FailedEvent[]; readonly done: number };

/** Does what a unit of work does for all its events at once, if it does so; at once where it does not. */
export function flush(
  unit: UnitOfWork,
  applied: readonly RecordedEvent[],
  { progress, goOn }: { readonly progress: ProgressUpdate; readonly goOn: () => void },
): Flushed | Promise<Flushed> {
  if (unit.flush === undefined) return { failed: [], done: applied.length };
  return unit.flush(progress, goOn).then((failed) => {
    const from = new Map(failed.map(({ event }) => [streamKey(event), event.sequenceNumber]));
    const done = applied.filter((event) => event.sequenceNumber < (from.get(streamKey(event)) ?? Infinity));
    return { failed, done: done.length };
  });
}
