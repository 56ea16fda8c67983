import { backoffMs } from "../../core/engine/retry.ts";
import type { TopicEntry } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { StoredRecord } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { entryOf, tell, type Told } from "./messages.ts";
import type { TopicHead } from "./topic_head.ts";
import type { TopicReads } from "./topic_reads.ts";

export type TailParts = {
  readonly topic: string;
  readonly head: TopicHead;
  readonly reads: TopicReads;
  readonly runtime: Runtime;
  /** From where on, by partition. */
  readonly next: readonly number[];
  readonly signal: AbortSignal;
};

const PAGE_MESSAGES = 100;
const FETCH_BYTES = 256_000;

/** One reader's way through a topic: by reads of its own as long as it is behind, and with all others at its end. */
export class TopicTail implements AsyncIterableIterator<readonly TopicEntry[], undefined> {
  readonly #parts: TailParts;
  #next: readonly number[];
  #incarnation: number;
  /** How many messages of the head it has passed, once it has come there; it stands at the same offsets then. */
  #passed: number | undefined;

  constructor(parts: TailParts) {
    this.#parts = parts;
    this.#next = parts.next;
    this.#incarnation = parts.head.incarnation;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly TopicEntry[], undefined>> {
    const { runtime, signal } = this.#parts;
    for (let failures = 0; !signal.aborted;) {
      try {
        const told = await this.#step();
        if (signal.aborted) break;
        if (told.length > 0) return { value: told.map(entryOf), done: false };
      } catch (error) {
        if (!(error instanceof KafkaError || error instanceof Unavailable)) throw error;
        failures += 1;
        await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      }
    }
    return { value: undefined, done: true };
  }

  /** What comes next; empty when it is worth another look. */
  async #step(): Promise<readonly Told[]> {
    const { head, signal } = this.#parts;
    if (head.incarnation !== this.#incarnation) await this.#beginAgain();
    const { count, incarnation } = head;
    const told = this.#passed === undefined ? this.#toHead() : this.#atHead(this.#passed);
    if (told === "behind") return await this.#read();
    if (told.length === 0) await head.whenMoved({ count, incarnation }, signal);
    return told;
  }

  async #beginAgain(): Promise<void> {
    const { topic, head, reads } = this.#parts;
    const { incarnation } = head;
    this.#next = (await reads.offsets(topic)).map(({ first }) => first);
    this.#passed = undefined;
    this.#incarnation = incarnation;
  }

  #atHead(passed: number): readonly Told[] | "behind" {
    const told = this.#parts.head.since(passed, PAGE_MESSAGES);
    this.#passed = told && passed + told.length;
    this.#next = told?.at(-1)?.next ?? this.#next;
    return told ?? "behind";
  }

  /** From what the head keeps, as long as nothing before that is missing. */
  #toHead(): readonly Told[] | "behind" {
    const { head } = this.#parts;
    const kept = head.from(this.#next);
    if (kept === undefined) return "behind";
    if (kept.length > 0) return this.#tell(kept.slice(0, PAGE_MESSAGES).map(({ record }) => record));
    // One that began where the head has not come yet waits for it.
    if (this.#next.every((offset, partition) => offset <= (head.next[partition] ?? 0))) {
      this.#next = head.next;
      this.#passed = head.count;
    }
    return [];
  }

  async #read(): Promise<readonly Told[]> {
    const { topic, head, reads } = this.#parts;
    const behind = [...this.#next.entries()].filter(([partition, offset]) => offset < (head.next[partition] ?? 0));
    try {
      const { records, next } = await reads.fetch({ topic, from: new Map(behind), maxBytes: FETCH_BYTES });
      if (behind.every(([partition, offset]) => next.get(partition) === offset)) {
        throw new KafkaError("away", `nothing was read of ${topic}, although there is something`);
      }
      const told = this.#tell(records);
      this.#next = this.#next.map((offset, partition) => next.get(partition) ?? offset);
      return told;
    } catch (error) {
      if (!(error instanceof KafkaError && error.kind === "out_of_range")) throw error;
      // What was not kept any more, or is of a topic made anew.
      const offsets = await reads.offsets(topic);
      this.#next = this.#next.map((at, partition) => {
        const { first, next } = offsets[partition] ?? { first: 0, next: 0 };
        return at < first || at > next ? first : at;
      });
      return [];
    }
  }

  #tell(records: readonly StoredRecord[]): readonly Told[] {
    const { told, next } = tell(records, this.#next);
    this.#next = next;
    return told;
  }
}
