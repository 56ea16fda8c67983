import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import { parseCheckpoint } from "../../core/ports/progress.ts";
import type { EventWriter } from "./event_writer.ts";
import { toParkedRow, toStreamRow } from "./parked_rows.ts";
import { createProgress, type ProgressParts } from "./progress.ts";

/** Progress in events.db, written along with the next group of appends and as durable as they are. */
export function createCheckpoints(
  { writer, ...parts }: ProgressParts & { readonly writer: Pick<EventWriter, "move"> },
): CheckpointStore {
  const { progress, moved } = createProgress(parts);
  const positionOf = (checkpoint: string | null) => checkpoint === null ? null : parseCheckpoint(checkpoint);
  return {
    progress,
    // The lock on the data directory makes this process the only one.
    check: ({ checkpoint }) => void positionOf(checkpoint),
    async commit(subscription, { checkpoint, park, unpark }) {
      await writer.move({
        subscription,
        position: positionOf(checkpoint),
        park: park.map(toParkedRow),
        unpark: unpark.map(toStreamRow),
      });
      moved(subscription);
    },
  };
}
