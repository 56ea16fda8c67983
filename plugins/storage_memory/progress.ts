import type { Stream } from "../../core/ports/event_store.ts";
import {
  type Checkpoint,
  nextMove,
  type Parked,
  type Progress,
  type ProgressUpdate,
} from "../../core/ports/progress.ts";
import { pageOfParked, placeOfParked } from "../../core/ports/parked_cursor.ts";
import type { EventLog } from "./event_log.ts";

type Held = { checkpoint: Checkpoint | null; readonly parked: Map<string, Parked>; readonly waiting: Set<() => void> };

export function createMemoryProgress({ hasPassed }: EventLog) {
  const subscriptions = new Map<string, Held>();
  const heldBy = (subscription: string): Held => {
    const held = subscriptions.get(subscription) ?? { checkpoint: null, parked: new Map(), waiting: new Set() };
    subscriptions.set(subscription, held);
    return held;
  };
  const progress: Progress = {
    load(subscription) {
      const { checkpoint, parked } = heldBy(subscription);
      return Promise.resolve({ checkpoint, parked: structuredClone([...parked.values()]) });
    },
    async parked(subscription, { after, limit }) {
      const behind = after === null ? "" : nameOf(placeOfParked(subscription, after));
      const all = [...heldBy(subscription).parked].toSorted(([a], [b]) => a < b ? -1 : 1);
      const items = all.filter(([name]) => name > behind).map(([, parked]) => structuredClone(parked));
      return pageOfParked(subscription, items, limit);
    },
    standing(subscription, write) {
      const { checkpoint, parked: all } = heldBy(subscription);
      const parked = all.get(nameOf(write));
      if (parked !== undefined && parked.from <= write.version) {
        return Promise.resolve({ is: "parked", parked: structuredClone(parked) });
      }
      return Promise.resolve({ is: hasPassed(checkpoint, write) ? "passed" : "behind" });
    },
    whenMoved: (subscription, { signal }) => nextMove(heldBy(subscription).waiting, signal),
  };
  return {
    progress,
    update(subscription: string, { checkpoint, park, unpark }: ProgressUpdate): void {
      const held = heldBy(subscription);
      for (const stream of unpark) held.parked.delete(nameOf(stream));
      for (const parked of park) held.parked.set(nameOf(parked), structuredClone(parked));
      held.checkpoint = checkpoint ?? held.checkpoint;
      for (const wake of [...held.waiting]) wake();
    },
  };
}

function nameOf({ aggregateType, aggregateId }: Stream): string {
  return JSON.stringify([aggregateType, aggregateId]);
}
