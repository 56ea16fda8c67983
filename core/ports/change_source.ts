import type { Backlog, Changes } from "./change_log.ts";
import type { RecordedEvent, Stream } from "./event_store.ts";
import { ref } from "./plugin.ts";
import type { Checkpoint } from "./progress.ts";

/**
 * Feeds subscriptions: every event at least once, those of one aggregate in order, however many processes share the
 * work. There is no order between aggregates. Pages are made when asked for, so a slow reader holds one page and no
 * other reader. Throws `Unavailable`.
 */
export type ChangeSource = {
  /**
   * What the subscription has not made durable, then what is appended from now on. `after` is the checkpoint that its
   * progress gave; each later page counts only once its checkpoint is durable. Events of other types are left out, but
   * checkpoints pass them too: a page may be empty. Of other kinds of aggregates than these, where they are given,
   * progress may say nothing at all. Ends when the signal aborts, and earlier when other aggregates have
   * come into this process's care: then the progress is to be loaded again, before going on.
   */
  changes(options: {
    readonly subscription: string;
    readonly after: Checkpoint | null;
    readonly eventTypes: ReadonlySet<string>;
    readonly aggregateTypes?: ReadonlySet<string> | undefined;
    readonly signal: AbortSignal;
  }): AsyncIterable<Changes>;
  backlog(options: { readonly subscription: string; readonly after: Checkpoint | null }): Promise<Backlog>;
  /** How much of what is stored a subscription has passed, from 0 to 1: far below 1 while it begins anew. */
  handledShare(options: { readonly subscription: string; readonly after: Checkpoint | null }): Promise<number>;
  /**
   * Resolves once every event of these types will be told that the event store does not show by then, if its stream is
   * wanted when it comes: at least once, those of one stream in order, some perhaps that were shown before. Keeps no
   * progress.
   */
  watch(options: {
    readonly eventTypes: ReadonlySet<string>;
    readonly wants: (stream: Stream) => boolean;
    readonly signal: AbortSignal;
  }): Promise<AsyncIterable<readonly RecordedEvent[]>>;
};

export const changeSourceRef = ref<ChangeSource>("change_source");
