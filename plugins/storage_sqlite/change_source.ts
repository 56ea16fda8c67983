import type { Changes, ChangeSource } from "../../core/ports/change_source.ts";
import type { Checkpoint } from "../../core/ports/progress.ts";
import type { EventsReader } from "./events_reader.ts";
import type { Tail } from "./tail.ts";

const PAGE = { maxEvents: 1_000, maxBytes: 2_000_000 } as const;

export type ChangeParts = { readonly tail: Tail; readonly reader: () => EventsReader };

/** Events in the order of their commits, from memory for readers that keep up and from the file for the others. */
export function createChangeSource({ tail, reader }: ChangeParts): ChangeSource {
  return {
    changes: (options) => follow({ tail, reader, ...options }),
    async backlog(after) {
      const position = after === null ? 0 : parseCheckpoint(after);
      if (position >= tail.head) return { events: 0, since: null };
      return await { events: tail.head - position, since: reader().timestampAt(position + 1) };
    },
  };
}

/** Throws a `TypeError` for a text that no change source of this kind made. */
export function parseCheckpoint(checkpoint: Checkpoint): number {
  if (/^(0|[1-9]\d{0,14})$/.test(checkpoint)) return Number(checkpoint);
  throw new TypeError(`Cannot use the checkpoint: expected one of this change source, found "${checkpoint}"`);
}

type Follow = Parameters<ChangeSource["changes"]>[0] & ChangeParts;

async function* follow({ tail, reader, after, eventTypes, signal }: Follow): AsyncGenerator<Changes, void> {
  let position = after === null ? 0 : parseCheckpoint(after);
  while (!signal.aborted) {
    const { head } = tail;
    if (position >= head) {
      await tail.next(signal);
      continue;
    }
    const page = tail.page(position, eventTypes, PAGE) ?? reader().page(position, { head, eventTypes, ...PAGE });
    position = page.position;
    yield { events: page.events, checkpoint: String(position) };
  }
}
