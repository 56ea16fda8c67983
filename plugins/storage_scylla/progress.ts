import { streamKey } from "../../core/ports/event_store.ts";
import { nextMove, type Progress, type ProgressUpdate } from "../../core/ports/progress.ts";
import { pageOfParked, placeOfParked } from "../../core/ports/parked_cursor.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Feed } from "./feed/feed.ts";
import { readWatermark } from "./feed/watermarks.ts";
import { inFlight } from "../../core/engine/in_flight.ts";
import type { Leases } from "./leases.ts";
import { ParkedRows } from "./parked_rows.ts";
import type { CqlSession } from "./session.ts";
import { toUnavailable } from "./unavailable.ts";

/** The progress of every subscription of this copy, and what a storage of effects calls around each effect. */
export type ScyllaProgress = {
  readonly port: Progress;
  /**
   * To be called right before each effect. Throws `Unavailable` when a slice of the update is not validly leased now,
   * or its page was given up, and a `TypeError` for a checkpoint that this copy's change source did not make.
   */
  check(update: ProgressUpdate): void;
  /** To be called once the effect is durable: parks, then moves the watermarks, then unparks. Throws `Unavailable`. */
  move(subscription: string, update: ProgressUpdate): Promise<void>;
};

export type ProgressParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly slices: number;
  readonly leases: Pick<Leases, "owned">;
  readonly feed: Pick<Feed, "load" | "requireValid" | "requireLeased" | "commit">;
};

const IN_FLIGHT = 16;
/** How often somebody who waits looks for what other copies have moved: the more wait, the less often. */
const LOOK_MS = 60;
const LOOK_MS_PER_WAITER = 1;

/**
 * A checkpoint stands for a page that this copy's feed has handed out, and is worth nothing anywhere else: what lasts
 * is a watermark for each aggregate, so that loading gives no checkpoint.
 */
export function createProgress(parts: ProgressParts): ScyllaProgress {
  const { feed } = parts;
  const rows = new ParkedRows(parts);
  const waiting = new Map<string, Set<() => void>>();
  const check = ({ checkpoint, park, unpark }: ProgressUpdate) => {
    if (checkpoint !== null) feed.requireValid(checkpoint);
    for (const stream of [...park, ...unpark]) feed.requireLeased(stream);
  };
  return {
    port: portOf(parts, rows, waiting),
    check,
    async move(subscription, update) {
      check(update);
      const { checkpoint, park, unpark } = update;
      const parked = new Set(park.map(streamKey));
      const free = unpark.filter((stream) => !parked.has(streamKey(stream)));
      try {
        // An aggregate is never passed by without a sign: its row is there before the watermark is beyond its events.
        await inFlight(park, IN_FLIGHT, (each) => rows.put(subscription, each));
        // A lease that still holds proves that whoever comes next loads these rows before it goes on.
        check(update);
        if (checkpoint !== null) await feed.commit(checkpoint);
        await inFlight(free, IN_FLIGHT, (stream) => rows.remove(subscription, stream));
      } catch (error) {
        throw toUnavailable(error);
      }
      for (const wake of [...waiting.get(subscription) ?? []]) wake();
    },
  };
}

function portOf(
  { session, runtime, slices, leases, feed }: ProgressParts,
  rows: ParkedRows,
  waiting: Map<string, Set<() => void>>,
): Progress {
  return {
    async load(subscription) {
      const owned = feed.load(subscription).map(({ slice }) => slice);
      return { checkpoint: null, parked: await answered(rows.load(subscription, owned)) };
    },
    async standing(subscription, write) {
      // Read first, a watermark is not ahead of what is parked: a page parks before it moves on.
      const passed = await answered(readWatermark(session, subscription, write));
      const parked = await answered(rows.at(subscription, write));
      if (parked !== undefined && parked.from <= write.version) return { is: "parked", parked };
      return { is: write.version <= passed ? "passed" : "behind" };
    },
    async parked(subscription, { after, limit }) {
      const stream = after === null ? undefined : placeOfParked(subscription, after);
      const found = await answered(rows.behind(subscription, { stream, limit: limit + 1 }));
      return pageOfParked(subscription, found, limit);
    },
    async whenMoved(subscription, { signal }) {
      const waiters = waiting.get(subscription) ?? new Set();
      waiting.set(subscription, waiters);
      // Who owns every slice is the only one who moves anything.
      if (leases.owned().length === slices) return await nextMove(waiters, signal);
      const over = new AbortController();
      const either = AbortSignal.any([signal, over.signal]);
      const waits = [
        nextMove(waiters, either),
        runtime.sleep(LOOK_MS + waiters.size * LOOK_MS_PER_WAITER, { signal: either }),
      ];
      for (const each of waits) each.catch(() => {});
      await Promise.race(waits).finally(() => over.abort());
    },
  };
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toUnavailable(error);
  }
}
