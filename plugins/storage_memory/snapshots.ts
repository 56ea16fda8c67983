import type { Stream } from "../../core/ports/event_store.ts";
import type { Snapshots } from "../../core/ports/snapshots.ts";

/** Snapshots as JSON texts, by stream, in the map given. */
export function createSnapshots(texts: Map<string, string>): Snapshots {
  return {
    async load(stream, fingerprint) {
      const text = texts.get(snapshotName(stream));
      if (text === undefined) return undefined;
      try {
        const { fingerprint: found, ...snapshot } = JSON.parse(text);
        return found === fingerprint ? snapshot : undefined;
      } catch {
        return undefined;
      }
    },
    async save(stream, snapshot) {
      texts.set(snapshotName(stream), JSON.stringify(snapshot));
    },
  };
}

export function snapshotName({ aggregateType, aggregateId }: Stream): string {
  return JSON.stringify([aggregateType, aggregateId]);
}
