import type { Stream } from "../../../core/ports/event_store.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import { CqlError, type CqlSession } from "../session.ts";
import { FIRST_TOKEN, type Head, scanHeads } from "./scan.ts";
import type { SliceCare } from "./slice_care.ts";
import type { FeedTimes } from "./times.ts";

export type AuditParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly times: FeedTimes;
  readonly sliceOf: (stream: Stream) => number;
  /** Those of this copy now: of each slice one for each subscription. */
  readonly cares: () => readonly SliceCare[];
  /** Events that no feed has shown. */
  readonly countMissed: (subscription: string, events: number) => void;
};

const PAGE_HEADS = 20;
const BACKOFF_MS = 1_000;

/**
 * Looks slowly through the whole store, again and again, for what the subscriptions of this copy should have been
 * shown and were not: counts it, and has it shown. It needs no announcement, and so proves those that do.
 */
export async function keepAuditing(parts: AuditParts, signal: AbortSignal): Promise<void> {
  const { runtime, log, cares, times: { auditMs: [firstMs, everyMs] } } = parts;
  for (let waitMs = firstMs; !signal.aborted;) {
    await runtime.sleep(waitMs, { signal }).catch(() => {});
    waitMs = firstMs;
    if (signal.aborted || cares().length === 0) continue;
    const beganMs = runtime.monotonicMs();
    const partitions = await audit(parts, signal);
    if (signal.aborted) return;
    log.info("An audit of the feed has ended", { partitions });
    waitMs = Math.max(firstMs, beganMs + everyMs - runtime.monotonicMs());
  }
}

/** Begins anywhere, so that processes which live shorter than an audit takes see everything in the end. */
async function audit(parts: AuditParts, signal: AbortSignal): Promise<number> {
  const anywhere = BigInt.asIntN(64, BigInt(Math.floor(parts.runtime.random() * 2 ** 53)) << 11n);
  const behind = await auditRange(parts, { from: anywhere, signal });
  return behind + await auditRange(parts, { from: FIRST_TOKEN, before: anywhere, signal });
}

/** How many partitions it has looked at. */
async function auditRange(
  parts: AuditParts,
  { from, before, signal }: { readonly from: bigint; readonly before?: bigint; readonly signal: AbortSignal },
): Promise<number> {
  const { session, runtime, log, times } = parts;
  let partitions = 0;
  for (let at = from; !signal.aborted;) {
    try {
      for await (const page of scanHeads(session, { from: at, pageSize: PAGE_HEADS })) {
        const asked = await check(parts, page.heads);
        partitions += page.heads.length;
        at = page.from;
        if (signal.aborted || (before !== undefined && at >= before)) return partitions;
        await runtime.sleep(Math.max(1, asked) / times.auditReadsPerSecond * 1_000, { signal }).catch(() => {});
      }
      return partitions;
    } catch (error) {
      if (!(error instanceof CqlError)) throw error;
      log.debug("An audit waits", { reason: error.message });
      await runtime.sleep(BACKOFF_MS, { signal }).catch(() => {});
    }
  }
  return partitions;
}

/** How many watermarks were asked for. */
async function check(
  { session, log, sliceOf, cares, countMissed }: AuditParts,
  heads: readonly Head[],
): Promise<number> {
  const bySlice = Map.groupBy(heads, sliceOf);
  let asked = 0;
  for (const care of cares()) {
    const { subscription, tenure: { slice } } = care;
    const own = bySlice.get(slice) ?? [];
    asked += own.length;
    const missed = await care.missedOf(own, session);
    const [first] = missed;
    if (first === undefined) continue;
    const events = missed.reduce((sum, { through, durable }) => sum + through - durable, 0);
    countMissed(subscription, events);
    const { aggregateType, aggregateId, durable, through } = first;
    const example = { aggregate_type: aggregateType, aggregate_id: aggregateId, after: durable, through };
    log.warn("Events were missed by a feed; they are shown now", { subscription, slice, events, example });
    await care.show(missed);
  }
  return asked;
}
