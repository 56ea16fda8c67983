import type { ChangeSource } from "../../core/ports/change_source.ts";
import type { RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import type { Commit, Feed } from "./feed/feed.ts";
import { Watch, type WatchParts } from "./feed/watch.ts";
import { toUnavailable } from "./unavailable.ts";

export type ChangeSourceParts = WatchParts & {
  readonly feed: Pick<Feed, "changes" | "backlog" | "handledShare" | "ring">;
};

/** The port, and what an append of this copy calls, so that nobody waits for a poll to find it. */
export type ScyllaChangeSource = ChangeSource & { ring(stream: Stream, commit?: Commit): void };

export function createChangeSource(parts: ChangeSourceParts): ScyllaChangeSource {
  const { feed } = parts;
  const watches = new Set<Watch>();
  return {
    changes: ({ subscription, eventTypes, aggregateTypes, signal }) =>
      feed.changes(subscription, { eventTypes, aggregateTypes, signal }),
    async backlog({ subscription, after }) {
      return feed.backlog(subscription, after);
    },
    async handledShare({ subscription }) {
      return feed.handledShare(subscription);
    },
    async watch(options) {
      const watch = new Watch(parts, options);
      try {
        await watch.look();
      } catch (error) {
        throw toUnavailable(error);
      }
      return eventsOf(watch, watches);
    },
    ring(stream, commit) {
      feed.ring(stream, commit);
      for (const watch of watches) watch.ring();
    },
  };
}

/** A watch is among the others only while somebody takes what it tells. */
async function* eventsOf(watch: Watch, others: Set<Watch>): AsyncGenerator<readonly RecordedEvent[], void> {
  others.add(watch);
  try {
    yield* watch.events();
  } catch (error) {
    throw toUnavailable(error);
  } finally {
    others.delete(watch);
  }
}
