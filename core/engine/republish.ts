import type { Sender, TopicMessage } from "../ports/broker.ts";
import type { EventStore, RecordedEvent, Stream } from "../ports/event_store.ts";
import type { Progress } from "../ports/progress.ts";
import type { StreamList } from "../ports/stream_list.ts";
import { PUBLISHER, type Topic } from "./publication.ts";

export type RepublishParts = {
  readonly store: EventStore;
  readonly streamList: StreamList;
  /** Of the publisher. */
  readonly progress: Progress;
  readonly sender: Sender;
  /** By the name of the module. */
  readonly topics: ReadonlyMap<string, Topic>;
};

/** Which events: those that fit all that is given. */
export type Selection = {
  readonly stream?: Stream;
  readonly modules?: ReadonlySet<string>;
  /** ISO 8601 in UTC: from this moment on, and before that one. */
  readonly from?: string;
  readonly to?: string;
  /** Only what stands behind this place. */
  readonly after?: string;
};

/** `place`: to go on from, if need be. Refused and held back are messages that the broker takes no more. */
export type Republished = { readonly sent: number; readonly refused: number; readonly place: string | null };

const PAGE_EVENTS = 500;
const BATCH_MESSAGES = 1_000;

/**
 * Sends what was published once more, as it was, each aggregate's events in order. What the publisher has not come to
 * is left to it: so nothing overtakes what was never sent, and the publisher may run meanwhile. Tells how far it has
 * come whenever the broker has acknowledged all up to a place. Throws `Unavailable`.
 */
export async function* republish(
  parts: RepublishParts,
  selection: Selection,
): AsyncGenerator<Republished, void> {
  const { stream, modules, after = null } = selection;
  const counts = { sent: 0, refused: 0 };
  const batches = new Batches(parts.sender, counts);
  const pages = stream === undefined ? parts.streamList.streams(after) : [{ streams: [stream], place: null }];
  for await (const { streams, place } of pages) {
    for (const each of streams) {
      const topic = parts.topics.get(each.aggregateType);
      if (topic === undefined || modules?.has(each.aggregateType) === false) continue;
      for await (const event of publishedEvents(each, parts)) {
        if (selection.to !== undefined && event.timestamp >= selection.to) break;
        if (selection.from !== undefined && event.timestamp < selection.from) continue;
        const message = topic.publish(event);
        if (message !== undefined) await batches.add(topic.name, message);
      }
    }
    await batches.flush();
    yield { ...counts, place };
  }
}

/** Those of a stream that the publisher has passed, in order. */
async function* publishedEvents(
  stream: Stream,
  { store, progress }: RepublishParts,
): AsyncGenerator<RecordedEvent, void> {
  const isPublished = async (event: RecordedEvent) => {
    const write = { ...stream, version: event.sequenceNumber };
    return (await progress.standing(PUBLISHER, write)).is === "passed";
  };
  for (let after = 0;;) {
    const page = await store.read(stream, { after, limit: PAGE_EVENTS });
    const last = page.at(-1);
    if (last === undefined) return;
    const isWhole = await isPublished(last);
    for (const event of page) {
      if (!isWhole && !await isPublished(event)) return;
      yield event;
    }
    after = last.sequenceNumber;
  }
}

/** Messages of one topic after the other, sent when there are enough of them. */
class Batches {
  readonly #sender: Sender;
  readonly #counts: { sent: number; refused: number };
  #topic = "";
  #messages: TopicMessage[] = [];

  constructor(sender: Sender, counts: { sent: number; refused: number }) {
    this.#sender = sender;
    this.#counts = counts;
  }

  async add(topic: string, message: TopicMessage): Promise<void> {
    if (topic !== this.#topic || this.#messages.length >= BATCH_MESSAGES) await this.flush();
    this.#topic = topic;
    this.#messages.push(message);
  }

  async flush(): Promise<void> {
    if (this.#messages.length === 0) return;
    const outcomes = await this.#sender.send(this.#topic, this.#messages);
    const durable = outcomes.filter(({ is }) => is === "durable").length;
    this.#counts.sent += durable;
    this.#counts.refused += outcomes.length - durable;
    this.#messages = [];
  }
}
