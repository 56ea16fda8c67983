import { nextMove, type Progress, type Write } from "../../core/ports/progress.ts";
import { pageOfParked, placeOfParked } from "../../core/ports/parked_cursor.ts";
import { toStreamRow } from "./parked_rows.ts";
import type { ProgressReader } from "./progress_reader.ts";

export type ProgressParts = {
  readonly reader: () => Pick<ProgressReader, "progressOf" | "parkedOf" | "parkedAt" | "parkedBehind">;
  /** Where an event stands, if it does. */
  readonly positionOf: (event: Write) => number | undefined;
};

/** Progress as it stands in a file; `moved` tells those who wait for a subscription that it has been written. */
export function createProgress({ reader, positionOf }: ProgressParts) {
  const waiting = new Map<string, Set<() => void>>();
  const progress: Progress = {
    async load(subscription) {
      const position = reader().progressOf(subscription);
      return {
        checkpoint: position === undefined ? null : String(position),
        parked: reader().parkedOf(subscription),
      };
    },
    async parked(subscription, { after, limit }) {
      const behind = after === null ? ["", ""] as const : toStreamRow(placeOfParked(subscription, after));
      return pageOfParked(subscription, reader().parkedBehind(subscription, { behind, limit: limit + 1 }), limit);
    },
    async standing(subscription, write) {
      // The other thread may commit between two reads. Read first, a position is not ahead of what is parked: a page
      // that parks the aggregate and moves on is seen as parked or not at all.
      const passed = reader().progressOf(subscription) ?? 0;
      const position = positionOf(write);
      const parked = reader().parkedAt(subscription, write);
      if (parked !== undefined && parked.from <= write.version) return { is: "parked", parked };
      return { is: position !== undefined && position <= passed ? "passed" : "behind" };
    },
    whenMoved(subscription, { signal }) {
      const waiters = waiting.get(subscription) ?? new Set();
      waiting.set(subscription, waiters);
      return nextMove(waiters, signal);
    },
  };
  return {
    progress,
    moved(subscription: string): void {
      for (const wake of [...waiting.get(subscription) ?? []]) wake();
    },
  };
}
