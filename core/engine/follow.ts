import type { ChangeLog, Changes } from "../ports/change_log.ts";
import { Unavailable } from "../ports/event_store.ts";
import type { Checkpoint } from "../ports/progress.ts";
import type { Runtime } from "../ports/runtime.ts";
import { backoffMs } from "./retry.ts";

export type FollowOptions = Parameters<ChangeLog["changes"]>[0] & { readonly runtime: Runtime };

/** A page of changes and the place it was read after. */
export type FollowedChanges = Changes & { readonly after: Checkpoint | null };

/** The changes, as the log tells them, until the signal aborts; while the storage is unavailable it waits. */
export async function* follow(
  source: ChangeLog,
  { runtime, ...options }: FollowOptions,
): AsyncGenerator<FollowedChanges, void> {
  const { signal } = options;
  let { after } = options;
  for (let failures = 0; !signal.aborted;) {
    try {
      for await (const page of source.changes({ ...options, after })) {
        failures = 0;
        yield { ...page, after };
        after = page.checkpoint;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Unavailable)) throw error;
      failures += 1;
      await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
    }
  }
}
