import type { ChangeLog, Changes } from "../../core/ports/change_log.ts";
import { parseCheckpoint } from "../../core/ports/progress.ts";
import type { EventsReader } from "./events_reader.ts";
import type { Tail } from "./tail.ts";

const PAGE = { maxEvents: 1_000, maxBytes: 2_000_000 } as const;

export type ChangeParts = { readonly tail: Tail; readonly reader: () => EventsReader };

/** Events in the order of their commits, from memory for readers that keep up and from the file for the others. */
export function createChangeLog({ tail, reader }: ChangeParts): ChangeLog {
  return {
    changes: (options) => follow({ tail, reader, ...options }),
    async head() {
      return String(tail.head);
    },
    async backlog(after) {
      const position = after === null ? 0 : parseCheckpoint(after);
      if (position >= tail.head) return { events: 0, since: null };
      return await { events: tail.head - position, since: reader().timestampAt(position + 1) };
    },
  };
}

type Follow = Parameters<ChangeLog["changes"]>[0] & ChangeParts;

async function* follow(
  { tail, reader, after, eventTypes, limit, signal }: Follow,
): AsyncGenerator<Changes, void> {
  const bounds = { ...PAGE, maxEvents: Math.min(limit ?? PAGE.maxEvents, PAGE.maxEvents) };
  let position = after === null ? 0 : parseCheckpoint(after);
  while (!signal.aborted) {
    const { head } = tail;
    if (position >= head) {
      await tail.next(signal);
      continue;
    }
    const page = tail.page(position, eventTypes, bounds) ?? reader().page(position, { head, eventTypes, ...bounds });
    position = page.position;
    yield { events: page.events, checkpoint: String(position), more: position < head };
  }
}
