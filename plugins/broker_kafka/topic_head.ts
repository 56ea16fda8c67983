import { Bell } from "../../core/engine/bell.ts";
import { backoffMs } from "../../core/engine/retry.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { KafkaReader } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";
import { tell, type Told } from "./messages.ts";
import type { TopicReads } from "./topic_reads.ts";

export type HeadParts = {
  readonly topic: string;
  readonly reads: Pick<TopicReads, "offsets" | "isThere">;
  readonly openReader: () => Promise<KafkaReader>;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
};

const KEPT_MESSAGES = 2_000;
const KEPT_BYTES = 4_000_000;
const FETCH_BYTES = 1_000_000;
const WAIT_MS = 1_000;

/**
 * The end of a topic, read once for all readers of this copy, as long as there are any, and what came last, in the
 * order in which it was read. It goes on through outages, and notices when the topic was made anew.
 */
export class TopicHead {
  readonly #parts: HeadParts;
  readonly #stopped = new AbortController();
  readonly #moved = new Bell();
  readonly #ended: Promise<void>;
  readonly #started = Promise.withResolvers<void>();
  #kept: Told[] = [];
  #bytes = 0;
  /** How many messages were dropped before those that are kept. */
  #dropped = 0;
  /** The offsets, by partition, from which on all is kept, and those of the end. */
  #first: number[] = [];
  #next: number[] = [];
  #incarnation = 0;

  constructor(parts: HeadParts) {
    this.#parts = parts;
    this.#started.promise.catch(() => {});
    const { topic, branch } = parts;
    const run = (life: Life) => this.#run(life);
    this.#ended = branch.start({ name: `topic_head_of_${topic}`, run, until: this.#stopped.signal }).then(() => {
      this.#started.reject(new Unavailable(`Cannot read ${topic}: the service is stopping`));
    });
  }

  /** Resolves once it stands at the end of the topic. Throws `Unavailable` when the first try does not get there. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  get next(): readonly number[] {
    return this.#next;
  }

  /** Another one: the topic was made anew, and what was known of offsets means nothing. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** How many messages have come so far. */
  get count(): number {
    return this.#dropped + this.#kept.length;
  }

  /** Those that came after the first so many, or undefined when some of them are not kept any more. */
  since(count: number, limit: number): readonly Told[] | undefined {
    if (count < this.#dropped) return undefined;
    return this.#kept.slice(count - this.#dropped, count - this.#dropped + limit);
  }

  /** All that is kept, or undefined when something may be missing for one who stands at these offsets. */
  from(next: readonly number[]): readonly Told[] | undefined {
    if (this.#first.some((first, partition) => (next[partition] ?? 0) < first)) return undefined;
    return this.#kept.filter(({ record: { partition, offset } }) => offset >= (next[partition] ?? 0));
  }

  /** Resolves once the count or the incarnation is another one, or the signal aborts. */
  whenMoved(from: { readonly count: number; readonly incarnation: number }, signal: AbortSignal): Promise<void> {
    if (this.count !== from.count || this.#incarnation !== from.incarnation || signal.aborted) return Promise.resolve();
    return this.#moved.next(signal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }

  async #run(life: Life): Promise<void> {
    const { topic, runtime, log } = this.#parts;
    const { signal } = life;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#follow(life, () => failures = 0);
      } catch (error) {
        if (signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.#started.reject(new Unavailable(`Cannot read ${topic}: ${reason}`));
        if (!(error instanceof KafkaError || error instanceof Unavailable)) throw error;
        failures += 1;
        if (failures === 1) log.warn("Readers of a topic wait for the broker", { topic, reason });
        await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      }
    }
  }

  async #follow({ signal, beat, rest }: Life, onProgress: () => void): Promise<void> {
    const { topic, openReader } = this.#parts;
    // In a queue behind all who ask this broker; each question has its own deadline.
    rest();
    await this.#stand(signal);
    if (signal.aborted) return;
    this.#started.resolve();
    const reader = await openReader();
    const close = () => reader.close();
    signal.addEventListener("abort", close);
    try {
      while (!signal.aborted) {
        beat();
        const from = new Map(this.#next.entries());
        const { records, next } = await reader.fetch({ topic, from, maxBytes: FETCH_BYTES, waitMs: WAIT_MS });
        if (signal.aborted) return;
        onProgress();
        const { told } = tell(records, this.#next);
        this.#next = this.#next.map((offset, partition) => next.get(partition) ?? offset);
        if (told.length > 0) this.#keep(told);
      }
    } finally {
      signal.removeEventListener("abort", close);
      reader.close();
    }
  }

  /** Stands at the end of the topic, or where it stood, if this is still the same topic. */
  async #stand(signal: AbortSignal): Promise<void> {
    const { topic, reads, log } = this.#parts;
    const offsets = await reads.offsets(topic);
    const last = this.#kept.at(-1);
    const isSame = this.#next.length === offsets.length &&
      this.#next.every((next, partition) => next <= (offsets[partition]?.next ?? 0)) &&
      (last === undefined || await reads.isThere(topic, last.record));
    if (isSame || signal.aborted) return;
    if (this.#next.length > 0) {
      this.#incarnation += 1;
      log.warn("A topic was made anew; its readers begin again", { topic });
    }
    this.#dropped += this.#kept.length;
    this.#kept = [];
    this.#bytes = 0;
    this.#next = offsets.map(({ next }) => next);
    this.#first = [...this.#next];
    this.#moved.ring();
  }

  #keep(told: readonly Told[]): void {
    for (const each of told) {
      this.#kept.push(each);
      this.#bytes += sizeOf(each);
    }
    let surplus = 0;
    while (this.#kept.length - surplus > KEPT_MESSAGES || this.#bytes > KEPT_BYTES) {
      const dropped = this.#kept[surplus++];
      if (dropped === undefined) break;
      this.#bytes -= sizeOf(dropped);
      this.#first[dropped.record.partition] = dropped.record.offset + 1;
    }
    this.#dropped += surplus;
    this.#kept = this.#kept.slice(surplus);
    this.#moved.ring();
  }
}

function sizeOf({ message: { key, value } }: Told): number {
  return 1_000 + 2 * (key.length + value.length);
}
