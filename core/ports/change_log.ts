import type { RecordedEvent } from "./event_store.ts";
import { ref } from "./plugin.ts";
import type { Checkpoint } from "./progress.ts";

/** A page of changes. `checkpoint` is where to go on once all of them, and all that was left out, count as handled. */
export type Changes = {
  readonly events: readonly RecordedEvent[];
  readonly checkpoint: Checkpoint;
  /** Whether the page ended because it was full: then the next one is ready. */
  readonly more: boolean;
};

/** How many events of whatever type wait, and the moment the first of them was made (ISO), if any. */
export type Backlog = { readonly events: number; readonly since: string | null };

/**
 * All that was appended, in one order with places that anybody may go on from, which only a store with one writer can
 * keep. Pages are made when asked for, so a slow reader holds one page and no other reader. Throws `Unavailable`.
 */
export type ChangeLog = {
  /**
   * Everything after the checkpoint (null: from the beginning), then what is appended from now on, until the signal
   * aborts. Events of other types are left out, but a checkpoint passes them too: a page may be
   * empty. A page has at most `limit` events, or as many as suit the log.
   */
  changes(options: {
    readonly after: Checkpoint | null;
    readonly eventTypes: ReadonlySet<string>;
    readonly limit?: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<Changes>;
  /** The place behind all that was appended so far, which the event store shows by then: where to begin with "now". */
  head(): Promise<Checkpoint>;
  /** How many events follow the checkpoint, of whatever type, and the moment of the first of them (ISO), if any. */
  backlog(after: Checkpoint | null): Promise<Backlog>;
};

export const changeLogRef = ref<ChangeLog>("change_log");
