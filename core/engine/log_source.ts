import type { ChangeLog } from "../ports/change_log.ts";
import type { ChangeSource } from "../ports/change_source.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import type { Checkpoint } from "../ports/progress.ts";

/** Feeds subscriptions from a log: a subscription's checkpoint is its place there. */
export function sourceFrom(log: ChangeLog): ChangeSource {
  return {
    changes: ({ after, eventTypes, signal }) => log.changes({ after, eventTypes, signal }),
    backlog: ({ after }) => log.backlog(after),
    async handledShare({ after }) {
      const [left, all] = await Promise.all([log.backlog(after), log.backlog(null)]);
      return all.events === 0 ? 1 : 1 - left.events / all.events;
    },
    async watch(options) {
      return wanted(log, { after: await log.head(), ...options });
    },
  };
}

async function* wanted(
  log: ChangeLog,
  { wants, ...options }: { readonly after: Checkpoint } & Parameters<ChangeSource["watch"]>[0],
): AsyncGenerator<readonly RecordedEvent[], void> {
  for await (const { events } of log.changes(options)) {
    const told = events.filter(wants);
    if (told.length > 0) yield told;
  }
}
