import { type RecordedEvent, type Stream, streamKey } from "../../core/ports/event_store.ts";
import type { ProgressUpdate } from "../../core/ports/progress.ts";
import type { FailedEvent, Subscriber, UnitOfWork } from "../../core/ports/subscriber.ts";
import { kindOf, type Span, traceparentOf, type Tracer } from "../../core/ports/tracing.ts";

/** The same subscriber: what it does for an event is a step of the trace in which that was stored. */
export function traced(subscriber: Subscriber, tracer: Tracer): Subscriber {
  return {
    ...subscriber,
    async begin(events) {
      const unit = await subscriber.begin(events);
      const steps = new Steps(subscriber.name, tracer);
      return {
        apply: (event) => steps.apply(unit, event),
        ...unit.flush && { flush: (progress, goOn) => steps.flush(unit, { progress, goOn }) },
        commit: (progress) => steps.commit(unit, progress),
      };
    },
  };
}

/** The steps of one page of events, which end together where the page does. */
class Steps {
  readonly #subscription: string;
  readonly #tracer: Tracer;
  #open: { readonly event: RecordedEvent; readonly span: Span }[] = [];

  constructor(subscription: string, tracer: Tracer) {
    this.#subscription = subscription;
    this.#tracer = tracer;
  }

  async apply(unit: UnitOfWork, event: RecordedEvent): Promise<void> {
    const parent = traceparentOf(event);
    if (parent === undefined) return await unit.apply(event);
    const span = this.#tracer.begin({
      name: `${this.#subscription} ${event.eventType}`,
      kind: "consumer",
      parent,
      attributes: {
        "annals.subscription": this.#subscription,
        "annals.stream": streamKey(event),
        "annals.sequence_number": event.sequenceNumber,
      },
    });
    try {
      await unit.apply(event, span.traceparent);
      this.#open.push({ event, span });
    } catch (error) {
      span.end({ failed: kindOf(error) });
      throw error;
    }
  }

  async flush(
    unit: UnitOfWork,
    { progress, goOn }: { readonly progress: ProgressUpdate; readonly goOn: () => void },
  ): Promise<readonly FailedEvent[]> {
    const failed = await this.#orEnd(unit.flush?.(progress, goOn)) ?? [];
    for (const { event, error } of failed) this.#endFrom(event, kindOf(error));
    return failed;
  }

  async commit(unit: UnitOfWork, progress: ProgressUpdate): Promise<void> {
    await this.#orEnd(unit.commit(progress));
    for (const { span } of this.#open.splice(0)) span.end();
  }

  async #orEnd<T>(work: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      for (const { span } of this.#open.splice(0)) span.end({ failed: kindOf(error) });
      throw error;
    }
  }

  /** Nothing was done for what follows in its aggregate either. */
  #endFrom(first: Stream & { readonly sequenceNumber: number }, failed: string): void {
    const isUndone = ({ event }: { readonly event: RecordedEvent }) =>
      streamKey(event) === streamKey(first) && event.sequenceNumber >= first.sequenceNumber;
    for (const { span } of this.#open.filter(isUndone)) span.end({ failed });
    this.#open = this.#open.filter((each) => !isUndone(each));
  }
}
