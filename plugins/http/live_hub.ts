import { backoffMs } from "../../core/engine/retry.ts";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import { type RecordedEvent, type Stream, streamKey, Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";

/** Told of new events of one stream, in order. It may be told of events that it has read, and of some twice. */
export type Listener = {
  offer(events: NewEvents): void;
  /** Something may have happened of which no offer will be made. */
  lookAgain(): void;
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
    const started = this.#watch(stop.signal).then((changes) => {
      this.#run(changes, stop.signal).catch((error) => this.#fail(error, stop));
    });
    return { started, stop };
  }

  #watch(signal: AbortSignal): Promise<AsyncIterable<readonly RecordedEvent[]>> {
    const { source, eventTypes } = this.#parts;
    return source.watch({ eventTypes, wants: (stream) => this.#listeners.has(streamKey(stream)), signal });
  }

  /** Through outages: what happened during one is found by looking. */
  async #run(first: AsyncIterable<readonly RecordedEvent[]>, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    let changes: AsyncIterable<readonly RecordedEvent[]> | undefined = first;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (changes === undefined) {
          changes = await this.#watch(signal);
          for (const listeners of this.#listeners.values()) for (const each of listeners) each.lookAgain();
        }
        for await (const events of changes) {
          failures = 0;
          this.#tell(events);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Unavailable)) throw error;
        failures += 1;
        changes = undefined;
        await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      }
    }
  }

  #tell(events: readonly RecordedEvent[]): void {
    const wanted = new Map<string, RecordedEvent[]>();
    for (const event of events) {
      const key = streamKey(event);
      const found = wanted.get(key);
      if (found === undefined) wanted.set(key, [event]);
      else found.push(event);
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
