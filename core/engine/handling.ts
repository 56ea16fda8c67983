import type { CheckpointStore } from "../ports/checkpoints.ts";
import { type RecordedEvent, streamKey, Unavailable } from "../ports/event_store.ts";
import type { Handler } from "../ports/handler.ts";
import type { ProgressUpdate } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type FailedEvent, PermanentError, type Subscriber, type UnitOfWork } from "../ports/subscriber.ts";
import { messageOf } from "./aggregate.ts";
import { inFlight } from "./in_flight.ts";

export type HandlingParts = {
  readonly checkpoints: CheckpointStore;
  readonly runtime: Pick<Runtime, "sleep">;
  /** Aborts when the service stops. */
  readonly stopping: AbortSignal;
};

const TIMEOUT_MS = 10_000;
/** Aggregates whose events are handled at the same time. */
const IN_FLIGHT = 8;

/** The subscriber that has a handler do its work: progress is stored once the effects of a page are there. */
export function createHandlerSubscriber(handler: Handler, parts: HandlingParts): Subscriber {
  /** Of the page that is not stored yet: what was handled is not handled again because something behind it waits. */
  const handled = new Set<string>();
  return {
    name: handler.name,
    eventTypes: new Set(Object.keys(handler.on)),
    ...handler.modules && { aggregateTypes: new Set(handler.modules) },
    progress: parts.checkpoints.progress,
    begin: () => Promise.resolve(new Unit(handler, { ...parts, handled })),
  };
}

class Unit implements UnitOfWork {
  readonly #handler: Handler;
  readonly #parts: HandlingParts & { readonly handled: Set<string> };
  readonly #due = new Map<string, RecordedEvent[]>();

  constructor(handler: Handler, parts: HandlingParts & { readonly handled: Set<string> }) {
    this.#handler = handler;
    this.#parts = parts;
  }

  apply(event: RecordedEvent): void {
    if (this.#handler.modules?.includes(event.aggregateType) === false) return;
    const due = this.#due.get(streamKey(event)) ?? [];
    due.push(event);
    this.#due.set(streamKey(event), due);
  }

  /** Each aggregate's events one after the other, until one fails. */
  async flush(progress: ProgressUpdate, goOn: () => void): Promise<readonly FailedEvent[]> {
    const failed: FailedEvent[] = [];
    await inFlight(this.#due.values(), IN_FLIGHT, async (events) => {
      for (const event of events) {
        goOn();
        this.#parts.checkpoints.check(progress);
        try {
          await this.#handle(event);
        } catch (error) {
          if (error instanceof Unavailable) throw waitingAt(event, error);
          failed.push({ event, error });
          return;
        }
      }
    });
    return failed;
  }

  async commit(progress: ProgressUpdate): Promise<void> {
    await this.#parts.checkpoints.commit(this.#handler.name, progress);
    for (const events of this.#due.values()) for (const { eventId } of events) this.#parts.handled.delete(eventId);
  }

  async #handle(event: RecordedEvent): Promise<void> {
    const { handled } = this.#parts;
    const wanted = this.#handler.on[event.eventType];
    if (wanted === undefined || handled.has(event.eventId)) return;
    const read = wanted.schema.safeParse(event.data);
    if (!read.success) throw new PermanentError(`${event.eventType} has not the expected shape`, { cause: read.error });
    const message = messageOf({ eventType: event.eventType, data: read.data });
    await this.#inTime((signal) => {
      const idempotencyKey = `${this.#handler.name}:${event.eventId}`;
      return wanted.handle(message, event, { idempotencyKey, signal });
    });
    handled.add(event.eventId);
  }

  /** Whoever does not answer in time is away: what it does later is told from a repeat by its key. */
  async #inTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { runtime, stopping } = this.#parts;
    const { timeoutMs = TIMEOUT_MS, name } = this.#handler;
    const over = new AbortController();
    const signal = AbortSignal.any([stopping, over.signal]);
    const late = runtime.sleep(timeoutMs, { signal }).catch(() => {}).then(() => {
      throw new Unavailable(stopping.aborted ? "The service is stopping" : `${name} did not end in ${timeoutMs} ms`);
    });
    late.catch(() => {});
    try {
      await Promise.race([work(signal), late]);
    } finally {
      over.abort();
    }
  }
}

/** With the event, which an operator may want to pass by. */
function waitingAt({ aggregateType, aggregateId, sequenceNumber }: RecordedEvent, error: Unavailable): Unavailable {
  return new Unavailable(`${error.message} (event ${sequenceNumber} of ${aggregateType}/${aggregateId})`, {
    cause: error,
  });
}
