import type { Progress, Write } from "../../core/ports/progress.ts";
import type { ViewsReader } from "./views_reader.ts";

export type ProgressParts = {
  readonly reader: () => ViewsReader;
  /** Where an event stands, if it does. */
  readonly positionOf: (event: Write) => number | undefined;
};

/** Progress as it stands in views.db; `moved` tells those who wait for a subscription that it has been written. */
export function createProgress({ reader, positionOf }: ProgressParts) {
  const waiting = new Map<string, Set<() => void>>();
  const progress: Progress = {
    async load(subscription) {
      const position = await reader().progressOf(subscription);
      return {
        checkpoint: position === undefined ? null : String(position),
        parked: reader().parkedOf(subscription),
      };
    },
    async standing(subscription, write) {
      const parked = await reader().parkedAt(subscription, write);
      if (parked !== undefined && parked.from <= write.version) return { is: "parked", parked };
      const position = positionOf(write);
      const passed = reader().progressOf(subscription) ?? 0;
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

function nextMove(waiters: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const settle = () => {
      waiters.delete(settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    waiters.add(settle);
    signal.addEventListener("abort", settle);
  });
}
