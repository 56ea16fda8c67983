import { follow } from "../../core/engine/follow.ts";
import { backoffMs } from "../../core/engine/retry.ts";
import type { Topic } from "../../core/engine/publication.ts";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";

type Bell = { rung: number; readonly waiting: Set<() => void> };

export type BellParts = {
  readonly topics: ReadonlyMap<string, Topic>;
  readonly source: ChangeLog;
  readonly runtime: Runtime;
  readonly branch: Branch;
};

/** Wakes the readers of a topic at its own events: one reader of the source for all, who would else wake at any. */
export class Bells {
  readonly #parts: BellParts;
  readonly #bells: ReadonlyMap<string, Bell>;
  readonly #stopped = new AbortController();
  #isStarted = false;

  constructor(parts: BellParts) {
    this.#parts = parts;
    this.#bells = new Map([...parts.topics.keys()].map((name) => [name, { rung: 0, waiting: new Set() }]));
  }

  /** From now on the bell of every event that is appended rings, if only once the storage answers. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const run = (life: Life) => this.#run(life);
    this.#parts.branch.start({ name: "topic_bells", run, until: this.#stopped.signal });
  }

  rung(topic: string): number {
    return this.#bells.get(topic)?.rung ?? 0;
  }

  /** Resolves once the bell has rung more often, or the signal aborts. */
  whenRung(topic: string, { more, signal }: { more: number; signal: AbortSignal }): Promise<void> {
    const bell = this.#bells.get(topic);
    if (bell === undefined || bell.rung > more || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        bell.waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      bell.waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run({ signal, beat, rest }: Life): Promise<void> {
    const { topics, source, runtime } = this.#parts;
    const names = new Map(
      [...topics.values()].flatMap(({ name, eventTypes }) => [...eventTypes].map((type) => [type, name] as const)),
    );
    const eventTypes = new Set(names.keys());
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        beat();
        const after = await source.head();
        if (signal.aborted) return;
        // What happened before is found by looking.
        for (const name of topics.keys()) this.#ring(name);
        rest();
        for await (const { events } of follow(source, { after, eventTypes, signal, runtime })) {
          for (const name of new Set(events.map(({ eventType }) => names.get(eventType)))) this.#ring(name);
        }
        return;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      }
    }
  }

  #ring(name: string | undefined): void {
    const bell = name === undefined ? undefined : this.#bells.get(name);
    if (bell === undefined) return;
    bell.rung += 1;
    for (const wake of [...bell.waiting]) wake();
  }
}
