import { follow } from "../../core/engine/follow.ts";
import type { Topic } from "../../core/engine/publication.ts";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log } from "../../core/ports/telemetry.ts";

type Bell = { rung: number; readonly waiting: Set<() => void> };

export type BellParts = {
  readonly topics: ReadonlyMap<string, Topic>;
  readonly source: ChangeLog;
  readonly runtime: Runtime;
  readonly log: Log;
};

/** Wakes the readers of a topic at its own events: one reader of the source for all, who would else wake at any. */
export class Bells {
  readonly #parts: BellParts;
  readonly #bells: ReadonlyMap<string, Bell>;
  readonly #stopped = new AbortController();
  #started: Promise<void> | undefined;

  constructor(parts: BellParts) {
    this.#parts = parts;
    this.#bells = new Map([...parts.topics.keys()].map((name) => [name, { rung: 0, waiting: new Set() }]));
  }

  /** Once this resolves, the bell of every event that is appended rings. Throws `Unavailable`. */
  async start(): Promise<void> {
    this.#started ??= this.#parts.source.head().then((head) => void this.#run(head));
    try {
      await this.#started;
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
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

  async #run(head: string): Promise<void> {
    const { topics, source, runtime, log } = this.#parts;
    const { signal } = this.#stopped;
    const names = new Map(
      [...topics.values()].flatMap(({ name, eventTypes }) => [...eventTypes].map((type) => [type, name] as const)),
    );
    const eventTypes = new Set(names.keys());
    try {
      for await (const { events } of follow(source, { after: head, eventTypes, signal, runtime })) {
        for (const name of new Set(events.map(({ eventType }) => names.get(eventType)))) this.#ring(name);
      }
    } catch (error) {
      log.error("The bells of the topics failed; they start again with the next reader", { error: String(error) });
      this.#started = undefined;
      for (const name of topics.keys()) this.#ring(name);
    }
  }

  #ring(name: string | undefined): void {
    const bell = name === undefined ? undefined : this.#bells.get(name);
    if (bell === undefined) return;
    bell.rung += 1;
    for (const wake of [...bell.waiting]) wake();
  }
}
