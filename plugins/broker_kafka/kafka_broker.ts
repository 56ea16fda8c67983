import { type Broker, InvalidPlace, type TopicStart } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { readPlace } from "./place_ids.ts";
import { TopicHead } from "./topic_head.ts";
import { TopicReads } from "./topic_reads.ts";
import { TopicTail } from "./topic_tail.ts";
import type { Topics } from "./topics.ts";

export type BrokerParts = {
  readonly client: Pick<KafkaClient, "openReader">;
  readonly topics: Pick<Topics, "require" | "forget">;
  readonly names: ReadonlySet<string>;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
};

type Shared = { readonly head: TopicHead; readers: number };

/** Reads topics back for readers of this copy: without groups, so that nothing is left of them in the broker. */
export class KafkaBroker implements Broker {
  readonly #parts: BrokerParts;
  readonly #reads: TopicReads;
  readonly #heads = new Map<string, Shared>();
  readonly #ending = new Set<Promise<void>>();

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.#reads = new TopicReads(parts);
  }

  async tail(
    topic: string,
    { start, signal }: { readonly start: TopicStart; readonly signal: AbortSignal },
  ): Promise<TopicTail> {
    if (!this.#parts.names.has(topic)) throw new TypeError(`Cannot tail "${topic}": no module publishes to it`);
    const { head, leave } = this.#join(topic);
    try {
      const next = await this.#place(topic, start);
      await head.started;
      signal.addEventListener("abort", leave, { once: true });
      if (signal.aborted) leave();
      return new TopicTail({ topic, head, reads: this.#reads, runtime: this.#parts.runtime, next, signal });
    } catch (error) {
      leave();
      throw error instanceof KafkaError ? new Unavailable(`Cannot read ${topic}: ${error.message}`) : error;
    }
  }

  async stop(): Promise<void> {
    this.#reads.close();
    await Promise.all([...[...this.#heads.values()].map(({ head }) => head.stop()), ...this.#ending]);
  }

  async #place(topic: string, start: TopicStart): Promise<readonly number[]> {
    const offsets = await this.#reads.offsets(topic);
    if (start === "beginning") return offsets.map(({ first }) => first);
    if (start === "now") return offsets.map(({ next }) => next);
    const { next, partition, eventId } = readPlace(start.after);
    const isOfTopic = next.length === offsets.length && next.every((at, of) => at <= (offsets[of]?.next ?? 0));
    const offset = (next[partition] ?? 0) - 1;
    const record = isOfTopic && offset >= 0 ? await this.#reads.recordAt(topic, { partition, offset }) : undefined;
    if (record !== undefined && record !== "not kept" && record.headers.ce_id === eventId) return next;
    throw new InvalidPlace("Cannot go on after this id: expected one that this topic gave, of an event it still has");
  }

  /** The topic's head, which ends with the last of those who have joined it. */
  #join(topic: string): { readonly head: TopicHead; readonly leave: () => void } {
    const { client, ...parts } = this.#parts;
    const openReader = () => client.openReader();
    const shared = this.#heads.get(topic) ??
      { head: new TopicHead({ ...parts, topic, reads: this.#reads, openReader }), readers: 0 };
    this.#heads.set(topic, shared);
    shared.readers += 1;
    let isIn = true;
    const leave = () => {
      if (!isIn) return;
      isIn = false;
      shared.readers -= 1;
      if (shared.readers === 0) this.#end(topic, shared.head);
    };
    return { head: shared.head, leave };
  }

  #end(topic: string, head: TopicHead): void {
    this.#heads.delete(topic);
    const ending = head.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
