import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import { parseCheckpoint } from "../../core/ports/progress.ts";
import type { EventLog } from "./event_log.ts";
import { createMemoryProgress } from "./progress.ts";

export function createCheckpoints(events: EventLog): CheckpointStore {
  const { progress, update } = createMemoryProgress(events);
  return {
    progress,
    check({ checkpoint }) {
      if (checkpoint !== null) parseCheckpoint(checkpoint);
    },
    async commit(subscription, moved) {
      if (moved.checkpoint !== null) parseCheckpoint(moved.checkpoint);
      update(subscription, moved);
    },
  };
}
