import type { Stream } from "../../core/ports/event_store.ts";
import type { Snapshots } from "../../core/ports/snapshots.ts";
import type { CqlSession, CqlValue } from "./session.ts";
import { toText } from "../../core/engine/stored_text.ts";
import { toUnavailable } from "./unavailable.ts";

const SELECT =
  "SELECT snapshot FROM aggregate_snapshots WHERE aggregate_type = ? AND aggregate_id = ? AND fingerprint = ?";
const INSERT = "INSERT INTO aggregate_snapshots (aggregate_type, aggregate_id, fingerprint, snapshot) " +
  "VALUES (?, ?, ?, ?) USING TIMESTAMP ?";

/** One row for each stream and fingerprint, written as of its version: an older one never replaces a newer one. */
export function createSnapshots(session: CqlSession): Snapshots {
  return {
    async load(stream, fingerprint) {
      try {
        const [row] = await session.execute({ cql: SELECT, values: namesOf(stream, fingerprint) });
        return row === undefined ? undefined : parse(String(row["snapshot"]));
      } catch (error) {
        throw toUnavailable(error);
      }
    },
    async save(stream, { version, eventId, content, fingerprint }) {
      const snapshot = JSON.stringify({ version, eventId, content });
      const values = [...namesOf(stream, fingerprint), snapshot, BigInt(version)];
      try {
        await session.execute({ cql: INSERT, values });
      } catch (error) {
        throw toUnavailable(error);
      }
    },
  };
}

function namesOf({ aggregateType, aggregateId }: Stream, fingerprint: string): readonly CqlValue[] {
  return [toText(aggregateType), toText(aggregateId), toText(fingerprint)];
}

/** What is damaged is not found, and made anew. */
function parse(text: string) {
  try {
    const { version, eventId, content } = JSON.parse(text);
    return { version, eventId, content };
  } catch {
    return undefined;
  }
}
