import type { Snapshots } from "../../core/ports/snapshots.ts";
import type { EventsParts } from "./event_store.ts";
import { toText } from "../../core/engine/stored_text.ts";

/** Snapshots in events.db, saved along with the next group of appends. */
export function createSnapshots({ writer, reader }: EventsParts): Snapshots {
  return {
    async load(stream, fingerprint) {
      const stored = await reader().snapshot(stream);
      if (stored === undefined || stored.fingerprint !== fingerprint) return undefined;
      try {
        const content = JSON.parse(stored.content);
        return { version: stored.version, eventId: stored.eventId, content };
      } catch {
        return undefined;
      }
    },
    async save({ aggregateType, aggregateId }, { version, eventId, fingerprint, content }) {
      await writer.save([
        toText(aggregateType),
        toText(aggregateId),
        version,
        toText(eventId),
        toText(fingerprint),
        JSON.stringify(content),
      ]);
    },
  };
}
