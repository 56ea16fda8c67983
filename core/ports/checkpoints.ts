import { ref } from "./plugin.ts";
import type { Progress, ProgressUpdate } from "./progress.ts";

/**
 * The progress of subscriptions whose effects are outside of the storage. It lies with the events: what makes read
 * models anew leaves it alone. Throws `Unavailable`.
 */
export type CheckpointStore = {
  readonly progress: Progress;
  /**
   * To be called right before an effect, with the progress that will follow it. Throws `Unavailable` when another
   * process may have taken over the work.
   */
  check(update: ProgressUpdate): void;
  /** To be called once the effect is durable. */
  commit(subscription: string, update: ProgressUpdate): Promise<void>;
};

export const checkpointStoreRef = ref<CheckpointStore>("checkpoint_store");
