import { PUBLISHER, type Topic } from "../../core/engine/publication.ts";
import type { Sender, TopicMessage } from "../../core/ports/broker.ts";
import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import type { RecordedEvent } from "../../core/ports/event_store.ts";
import type { ProgressUpdate } from "../../core/ports/progress.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { FailedEvent, Subscriber, UnitOfWork } from "../../core/ports/subscriber.ts";

export type PublisherParts = {
  readonly topics: ReadonlyMap<string, Topic>;
  readonly sender: Sender;
  readonly checkpoints: CheckpointStore;
  readonly runtime: Pick<Runtime, "sleep">;
  /** Told of each batch that could not be sent and of each message that was refused. */
  readonly failed: (topic: string) => void;
};

/** A page costs a commit of the progress: while events come one by one, a few of them share it. */
const REST_MS = 10;

/**
 * Sends every event to its module's topic: those of an aggregate in order, each at least once. Progress is stored once
 * the broker has acknowledged, and what it refuses for good parks its aggregate.
 */
export function createPublisher(parts: PublisherParts): Subscriber {
  const { topics, checkpoints, runtime } = parts;
  const byModule = new Map([...topics.values()].map((topic) => [topic.served.module.name, topic]));
  return {
    name: PUBLISHER,
    eventTypes: new Set([...topics.values()].flatMap(({ eventTypes }) => [...eventTypes])),
    progress: checkpoints.progress,
    begin: () => Promise.resolve(new Unit(parts, byModule)),
    rest: (signal) => runtime.sleep(REST_MS, { signal }).catch(() => {}),
  };
}

type Due = { readonly events: RecordedEvent[]; readonly messages: TopicMessage[] };

/** What one page of events says to the topics. */
class Unit implements UnitOfWork {
  readonly #parts: PublisherParts;
  readonly #byModule: ReadonlyMap<string, Topic>;
  readonly #due = new Map<string, Due>();

  constructor(parts: PublisherParts, byModule: ReadonlyMap<string, Topic>) {
    this.#parts = parts;
    this.#byModule = byModule;
  }

  apply(event: RecordedEvent, traceparent?: string): void {
    const topic = this.#byModule.get(event.aggregateType);
    const message = topic?.publish(event);
    if (topic === undefined || message === undefined) return;
    const due = this.#due.get(topic.name) ?? { events: [], messages: [] };
    due.events.push(event);
    due.messages.push(traceparent === undefined ? message : caused(message, traceparent));
    this.#due.set(topic.name, due);
  }

  async flush(progress: ProgressUpdate): Promise<readonly FailedEvent[]> {
    this.#parts.checkpoints.check(progress);
    const sends = await Promise.allSettled([...this.#due].map(([topic, due]) => this.#send(topic, due)));
    return sends.flatMap((send) => {
      if (send.status === "rejected") throw send.reason;
      return send.value;
    });
  }

  commit(progress: ProgressUpdate): Promise<void> {
    return this.#parts.checkpoints.commit(PUBLISHER, progress);
  }

  async #send(topic: string, { events, messages }: Due): Promise<readonly FailedEvent[]> {
    const { sender, failed } = this.#parts;
    const outcomes = await sender.send(topic, messages).catch((error: unknown) => {
      failed(topic);
      throw error;
    });
    return outcomes.flatMap((outcome, at) => {
      const event = events[at];
      if (outcome.is !== "refused" || event === undefined) return [];
      failed(topic);
      return [{ event, error: new Error(`The broker refuses it for ${topic}: ${outcome.reason}`) }];
    });
  }
}

/** The message as a part of this step, not only of the one that stored its event. */
function caused(message: TopicMessage, traceparent: string): TopicMessage {
  return { ...message, headers: { ...message.headers, traceparent } };
}
