import type { RecordedEvent } from "./event_store.ts";
import { manyRef, ref } from "./plugin.ts";
import type { Progress, ProgressUpdate } from "./progress.ts";

/**
 * A consumer of the change source: a projection or the publisher; a process or a handler alike. The engine calls it
 * for one page of events at a time, those of one aggregate in order.
 */
export type Subscriber = {
  /** Unique and lasting: progress is kept under it. */
  readonly name: string;
  readonly eventTypes: ReadonlySet<string>;
  /** The only kinds of aggregates that have such events; left out: any may. */
  readonly aggregateTypes?: ReadonlySet<string>;
  readonly progress: Progress;
  /** Called before the progress is loaded, at the start and whenever somebody else may have worked on in between. */
  resume?(): void;
  /** Prepares a unit of work that will be given some of these events. */
  begin(events: readonly RecordedEvent[]): Promise<UnitOfWork>;
  /** Called after a page behind which no other was ready: lets events gather for a while, unless the signal aborts. */
  rest?(signal: AbortSignal): Promise<void>;
};

/** `Unavailable` from any of it means: nothing happened, try again. */
export type UnitOfWork = {
  /**
   * Takes one event. Another error is the event's own failure: nothing of that event is in the unit. `traceparent`
   * names this step where it is traced, for what it causes elsewhere.
   */
  apply(event: RecordedEvent, traceparent?: string): void | Promise<void>;
  /**
   * Does what was applied where that is done for all of it at once, before the progress that is about to be committed.
   * Tells which events failed on their own; then nothing of them and of the later events of their aggregates was done.
   * `goOn` is to be called before each effect of many: it throws where the page is not to be gone on with.
   */
  flush?(progress: ProgressUpdate, goOn: () => void): Promise<readonly FailedEvent[]>;
  /** Makes all that was applied durable, and the progress with it. */
  commit(progress: ProgressUpdate): Promise<void>;
};

/** What a subscriber throws on an event that no further try will make go in: its aggregate is parked at once. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}

export type FailedEvent = { readonly event: RecordedEvent; readonly error: unknown };

export const subscriberRef = manyRef<Subscriber>("subscriber");

/** Why a subscription, as far as this process runs it, makes no progress just now; undefined: it waits for nothing. */
export type WaitingFor = (subscription: string) => string | undefined;

export const waitingForRef = ref<WaitingFor>("waiting_for");
