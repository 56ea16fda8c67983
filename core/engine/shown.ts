import type { Principal } from "../model/module.ts";
import { ANONYMOUS } from "../ports/authenticator.ts";
import type { EventStore } from "../ports/event_store.ts";
import type { Write } from "../ports/progress.ts";
import type { ReadModels } from "../ports/read_models.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Demand } from "./demand.ts";
import type { ServedView } from "./registry.ts";
import { Shares } from "./shares.ts";

/** The write that an answer must show, and how long it may wait for that: then it is `behind`, or `parked` at once. */
export type Shown = { readonly write: Write; readonly timeoutMs: number };

export type ShownParts = {
  readonly store: EventStore;
  readonly readModels: ReadModels;
  readonly runtime: Runtime;
  readonly demand: Demand;
  readonly stopping: AbortSignal;
};

/** More callers than these do not wait for a view: they are told at once that it is behind. */
const MAX_WAITING = 1_000;
/** Of one who says who it is; those who need not all have one name. */
const MAX_WAITING_OF_ONE = 100;

/** Waits on somebody's behalf until a view shows a write. */
export function createWaits({ store, readModels: { progress }, runtime, demand, stopping }: ShownParts) {
  const places = new Shares(MAX_WAITING);
  return async (
    { model: { incarnation: subscription }, aggregateTypes }: ServedView,
    { principal: { sub }, shown }: { principal: Principal; shown: Shown | undefined },
  ): Promise<"passed" | "behind" | "parked"> => {
    if (shown === undefined) return "passed";
    const { write, timeoutMs } = shown;
    if (aggregateTypes?.has(write.aggregateType) === false) return "passed";
    const standingNow = async () => {
      const standing = await progress.standing(subscription, write);
      return standing.is === "parked" && !standing.parked.givenUp ? "behind" : standing.is;
    };
    const first = await standingNow();
    // Nothing is waited for that was never written, like a made-up version.
    if (first !== "behind" || await store.version(write) < write.version) return first;
    const leave = places.take(sub, sub === ANONYMOUS.sub ? MAX_WAITING : MAX_WAITING_OF_ONE);
    if (typeof leave === "string") return "behind";
    const waiting = new AbortController();
    const endDemand = demand.begin(subscription);
    const deadline = runtime.sleep(timeoutMs, { signal: AbortSignal.any([waiting.signal, stopping]) }).catch(() => {});
    const late = deadline.then(() => "late" as const);
    try {
      for (;;) {
        const moved = progress.whenMoved(subscription, { signal: waiting.signal });
        moved.catch(() => {});
        const standing = await standingNow();
        if (standing !== "behind") return standing;
        if (await Promise.race([moved, late]) === "late") return "behind";
      }
    } finally {
      waiting.abort();
      endDemand();
      leave();
    }
  };
}
