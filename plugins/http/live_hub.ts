import { backoffMs } from "../../core/engine/retry.ts";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import { type RecordedEvent, type Stream, streamKey, Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";

/** Told of new events of one stream, in order. It may be told of events that it has read, and of some twice. */
export type Listener = {
  offer(events: NewEvents): void;
  /** Something may have happened of which no offer will be made. */
  lookAgain(): void;
};

/** `text` is what readers are sent, made for the first of them and shared by the others. */
export type NewEvents = { readonly events: readonly RecordedEvent[]; readonly text: () => string };

export type HubParts = {
  readonly source: ChangeSource;
  readonly eventTypes: ReadonlySet<string>;
  readonly runtime: Runtime;
  readonly branch: Branch;
  readonly toText: (events: readonly RecordedEvent[]) => string;
};

/** One reader of the change source for all live readers of single streams; it reads only while there are any. */
export class LiveHub {
  readonly #parts: HubParts;
  readonly #listeners = new Map<string, Set<Listener>>();
  #stop: AbortController | undefined;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** From now on everything that the event store does not show yet is offered, or the listener told to look again. */
  join(stream: Stream, listener: Listener): void {
    const key = streamKey(stream);
    const others = this.#listeners.get(key);
    if (others === undefined) this.#listeners.set(key, new Set([listener]));
    else others.add(listener);
    this.#stop ??= this.#start();
  }

  leave(stream: Stream, listener: Listener): void {
    const key = streamKey(stream);
    const listeners = this.#listeners.get(key);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(key);
    if (this.#listeners.size > 0) return;
    this.#stop?.abort();
    this.#stop = undefined;
  }

  #start(): AbortController {
    const stop = new AbortController();
    this.#parts.branch.start({ name: "live_hub", run: (life) => this.#run(life), until: stop.signal });
    return stop;
  }

  #watch(signal: AbortSignal): Promise<AsyncIterable<readonly RecordedEvent[]>> {
    const { source, eventTypes } = this.#parts;
    return source.watch({ eventTypes, wants: (stream) => this.#listeners.has(streamKey(stream)), signal });
  }

  /** Through outages, and after faults: what happened meanwhile is found by looking. */
  async #run({ signal, beat, rest }: Life): Promise<void> {
    const { runtime } = this.#parts;
    for (let failures = 0; !signal.aborted;) {
      try {
        beat();
        const changes = await this.#watch(signal);
        if (signal.aborted) return;
        for (const listeners of this.#listeners.values()) for (const each of listeners) each.lookAgain();
        rest();
        for await (const events of changes) {
          failures = 0;
          this.#tell(events);
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Unavailable)) throw error;
        failures += 1;
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
}
