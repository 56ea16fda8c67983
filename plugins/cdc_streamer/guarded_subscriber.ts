import type { RecordedEvent } from "../../core/ports/event_store.ts";
import type { ProgressUpdate } from "../../core/ports/progress.ts";
import type { FailedEvent, Subscriber, UnitOfWork } from "../../core/ports/subscriber.ts";

export type Guard = {
  /** Called at each step. */
  readonly beat: () => void;
  /** Throws when the run has been replaced by another one. */
  readonly requireCurrent: () => void;
  /** Told of each commit that the storage was asked for. */
  readonly committing: (commit: Promise<void>) => void;
  readonly messages: { sent(): void; received(): void };
};

/** The subscriber as one run of its subscription may use it: not any more once another run has taken its place. */
export function guardedSubscriber(subscriber: Subscriber, guard: Guard): Subscriber {
  return {
    ...subscriber,
    async begin(events) {
      guard.requireCurrent();
      guard.beat();
      guard.messages.sent();
      const unit = await subscriber.begin(events);
      return unit.flush === undefined ? new GuardedUnit(unit, guard) : new FlushedUnit(unit, guard);
    },
  };
}

class GuardedUnit implements UnitOfWork {
  protected readonly unit: UnitOfWork;
  protected readonly guard: Guard;

  constructor(unit: UnitOfWork, guard: Guard) {
    this.unit = unit;
    this.guard = guard;
  }

  apply(event: RecordedEvent): void | Promise<void> {
    this.guard.beat();
    return this.unit.apply(event);
  }

  async commit(progress: ProgressUpdate): Promise<void> {
    this.guard.requireCurrent();
    this.guard.beat();
    const commit = this.unit.commit(progress);
    this.guard.committing(commit);
    await commit;
    this.guard.messages.received();
  }
}

class FlushedUnit extends GuardedUnit {
  async flush(progress: ProgressUpdate, goOn: () => void): Promise<readonly FailedEvent[]> {
    const step = () => {
      this.guard.requireCurrent();
      this.guard.beat();
      goOn();
    };
    step();
    return await this.unit.flush?.(progress, step) ?? [];
  }
}
