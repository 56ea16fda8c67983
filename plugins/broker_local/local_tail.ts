import { follow, type FollowedChanges } from "../../core/engine/follow.ts";
import type { Topic } from "../../core/engine/publication.ts";
import type { TopicEntry } from "../../core/ports/broker.ts";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import { type RecordedEvent, Unavailable } from "../../core/ports/event_store.ts";
import type { Checkpoint } from "../../core/ports/progress.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Bells } from "./bells.ts";
import { placeId } from "./places.ts";

export type TailParts = {
  readonly topic: Topic;
  readonly source: ChangeLog;
  readonly runtime: Runtime;
  readonly bells: Bells;
  readonly after: Checkpoint | null;
  readonly signal: AbortSignal;
};

const PAGE_EVENTS = 100;
/** More than any page that an id may have been made from. */
const SEARCHED_EVENTS = 10_000;

/**
 * One reader's way through a topic. It keeps no page between two calls, so a reader that does not read costs none, and
 * it sleeps while nothing happens in its topic, whatever happens elsewhere.
 */
export class LocalTail implements AsyncIterableIterator<readonly TopicEntry[], undefined> {
  readonly #parts: TailParts;
  #after: Checkpoint | null;
  /** Nothing up to this event is told. */
  #skipThrough: string | undefined;

  constructor(parts: TailParts) {
    this.#parts = parts;
    this.#after = parts.after;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly TopicEntry[], undefined>> {
    for (;;) {
      const page = await this.#nextPage();
      if (page === undefined) return { value: undefined, done: true };
      const entries = this.#entriesOf(page);
      if (entries.length > 0) return { value: entries, done: false };
    }
  }

  /** Goes on behind this event; false when it is not among the next ones. */
  async skipThrough(eventId: string): Promise<boolean> {
    for (let searched = 0; searched < SEARCHED_EVENTS && await this.#isBehind(); searched += PAGE_EVENTS) {
      const page = await this.#readPage();
      if (page === undefined) return false;
      if (page.events.some((event) => event.eventId === eventId)) {
        this.#skipThrough = eventId;
        return true;
      }
      this.#after = page.checkpoint;
    }
    return false;
  }

  async #nextPage(): Promise<FollowedChanges | undefined> {
    const { topic: { name }, source, bells, signal } = this.#parts;
    while (!signal.aborted) {
      bells.start();
      const more = bells.rung(name);
      if (await mayFollow(source, this.#after)) return await this.#readPage();
      await bells.whenRung(name, { more, signal });
    }
    return undefined;
  }

  async #readPage(): Promise<FollowedChanges | undefined> {
    const { topic: { eventTypes }, source, runtime, signal } = this.#parts;
    const after = this.#after;
    for await (const page of follow(source, { after, eventTypes, limit: PAGE_EVENTS, signal, runtime })) return page;
    return undefined;
  }

  #entriesOf({ after, events, checkpoint }: FollowedChanges): readonly TopicEntry[] {
    const { topic } = this.#parts;
    this.#after = checkpoint;
    return this.#unseen(events).flatMap((event: RecordedEvent): TopicEntry[] => {
      const message = topic.publish(event);
      return message === undefined ? [] : [{ id: placeId({ checkpoint: after, eventId: event.eventId }), message }];
    });
  }

  #unseen(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
    if (this.#skipThrough === undefined) return events;
    const at = events.findIndex((event) => event.eventId === this.#skipThrough);
    if (at === -1) return []; // Cut shorter than when the event was looked for: it is further on.
    this.#skipThrough = undefined;
    return events.slice(at + 1);
  }

  /** Whether there is more; not so for a checkpoint that the source did not make. */
  async #isBehind(): Promise<boolean> {
    try {
      return (await this.#parts.source.backlog(this.#after)).events > 0;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  }
}

/** During an outage nobody knows: the source itself waits for its end. */
async function mayFollow(source: ChangeLog, after: Checkpoint | null): Promise<boolean> {
  try {
    return (await source.backlog(after)).events > 0;
  } catch (error) {
    if (error instanceof Unavailable) return true;
    throw error;
  }
}
