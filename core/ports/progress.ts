import type { Stream } from "./event_store.ts";

/** A place in the change source; only the storage that made it can read it. */
export type Checkpoint = string;

/**
 * An aggregate a subscription could not go on with: its events from `from` on are kept back, so that their order
 * stays, while other aggregates flow. `through` is the last of them that the subscription has been shown.
 */
export type Parked = Stream & {
  readonly from: number;
  readonly through: number;
  /** Of the event at `from`. */
  readonly eventType: string;
  /** How often the event at `from` was tried. */
  readonly attempts: number;
  /** No further try is to come by itself: a dead letter, until an operator asks for another one. */
  readonly givenUp: boolean;
  /** The operators' request that was last carried out on it, by its number; 0: none. */
  readonly request: number;
  /** What failed, and what caused it. */
  readonly error: string;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
};

/** What becomes durable together with a subscription's effect. */
export type ProgressUpdate = {
  /** Null leaves it where it is. */
  readonly checkpoint: Checkpoint | null;
  readonly park: readonly Parked[];
  readonly unpark: readonly Stream[];
};

/** Up to which event of which stream: what a writer asks a read model to have caught up with. */
export type Write = Stream & { readonly version: number };

/** A part of a list; `next` goes on behind it and is null at the end. */
export type ParkedPage = { readonly items: readonly Parked[]; readonly next: string | null };

/** How far subscriptions have come, durably. A subscription's name is that of its incarnation. Throws `Unavailable`. */
export type Progress = {
  load(subscription: string): Promise<{ readonly checkpoint: Checkpoint | null; readonly parked: readonly Parked[] }>;
  /**
   * All that a subscription has parked, in whichever process: at most `limit` of them, those behind `after`, which is
   * the `next` of the page before. The order is the store's own and always the same. Throws an `InvalidCursor`.
   */
  parked(
    subscription: string,
    options: { readonly after: string | null; readonly limit: number },
  ): Promise<ParkedPage>;
  /**
   * `passed`: the effect of that write, or its being ignored, is durable. `parked`: the aggregate is parked at or
   * before it. `behind`: neither yet.
   */
  standing(subscription: string, write: Write): Promise<Standing>;
  /** Resolves when the subscription's progress has moved since the call; rejects with the signal's reason. */
  whenMoved(subscription: string, options: { readonly signal: AbortSignal }): Promise<void>;
};
export type Standing = { readonly is: "passed" | "behind" } | { readonly is: "parked"; readonly parked: Parked };

/** The position that a storage whose checkpoints are plain numbers stored; throws a `TypeError` for any other text. */
export function parseCheckpoint(checkpoint: Checkpoint): number {
  if (/^(0|[1-9]\d{0,14})$/.test(checkpoint)) return Number(checkpoint);
  throw new TypeError(`Cannot use the checkpoint: expected one of this change source, found "${checkpoint}"`);
}

/** For `whenMoved`: waits in the set until whoever moves the progress calls all that is in it. */
export function nextMove(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const settle = () => {
      waiting.delete(settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    waiting.add(settle);
    signal.addEventListener("abort", settle);
  });
}
