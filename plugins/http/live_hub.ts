import { follow } from "../../core/engine/follow.ts";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import { type RecordedEvent, type Stream, streamKey } from "../../core/ports/event_store.ts";
import type { Checkpoint } from "../../core/ports/progress.ts";
import type { Runtime } from "../../core/ports/runtime.ts";

/** Told of new events of one stream, in order. It may be told of events that it has read, and of some twice. */
export type Listener = {
  offer(events: NewEvents): void;
  /** There will be no offers any more. */
  fail(error: unknown): void;
};

/** `text` is what readers are sent, made for the first of them and shared by the others. */
export type NewEvents = { readonly events: readonly RecordedEvent[]; readonly text: () => string };

export type HubParts = {
  readonly source: ChangeSource;
  readonly eventTypes: ReadonlySet<string>;
  readonly runtime: Runtime;
  readonly toText: (events: readonly RecordedEvent[]) => string;
};

/** One reader of the change source for all live readers of single streams; it reads only while there are any. */
export class LiveHub {
  readonly #parts: HubParts;
  readonly #listeners = new Map<string, Set<Listener>>();
  #running: { readonly started: Promise<void>; readonly stop: AbortController } | undefined;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** Once this resolves, everything that the event store does not show yet will be offered. Throws `Unavailable`. */
  async join(stream: Stream, listener: Listener): Promise<void> {
    const key = streamKey(stream);
    const others = this.#listeners.get(key);
    if (others === undefined) this.#listeners.set(key, new Set([listener]));
    else others.add(listener);
    try {
      this.#running ??= this.#start();
      await this.#running.started;
    } catch (error) {
      this.leave(stream, listener);
      throw error;
    }
  }

  leave(stream: Stream, listener: Listener): void {
    const key = streamKey(stream);
    const listeners = this.#listeners.get(key);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(key);
    if (this.#listeners.size > 0) return;
    this.#running?.stop.abort();
    this.#running = undefined;
  }

  #start() {
    const stop = new AbortController();
    const started = this.#parts.source.head().then((head) => {
      this.#run(head, stop.signal).catch((error) => this.#fail(error, stop));
    });
    return { started, stop };
  }

  async #run(head: Checkpoint, signal: AbortSignal): Promise<void> {
    const { source, eventTypes, runtime } = this.#parts;
    for await (const { events } of follow(source, { after: head, eventTypes, runtime, signal })) this.#tell(events);
  }

  #tell(events: readonly RecordedEvent[]): void {
    const wanted = new Map<string, RecordedEvent[]>();
    for (const event of events) {
      const key = streamKey(event);
      const found = wanted.get(key);
      if (found !== undefined) found.push(event);
      else if (this.#listeners.has(key)) wanted.set(key, [event]);
    }
    for (const [key, ofStream] of wanted) {
      let text: string | undefined;
      const offer = { events: ofStream, text: () => text ??= this.#parts.toText(ofStream) };
      for (const listener of this.#listeners.get(key) ?? []) listener.offer(offer);
    }
  }

  #fail(error: unknown, failed: AbortController): void {
    if (this.#running?.stop !== failed) return;
    this.#running = undefined;
    const listeners = [...this.#listeners.values()].flatMap((each) => [...each]);
    this.#listeners.clear();
    for (const listener of listeners) listener.fail(error);
  }
}
