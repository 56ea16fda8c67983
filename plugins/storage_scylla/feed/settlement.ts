import type { RecordedEvent } from "../../../core/ports/event_store.ts";
import type { Runtime } from "../../../core/ports/runtime.ts";
import type { Log } from "../../../core/ports/telemetry.ts";
import { EVENT_COLUMNS, toEvent } from "../event_rows.ts";
import { PARTITION, partitionOf } from "../partitions.ts";
import { allRows } from "../rows.ts";
import { CqlError, type CqlSession, type ReadOptions } from "../session.ts";
import type { Announcement } from "./announced.ts";
import type { Slots } from "./slots.ts";
import type { FeedTimes } from "./times.ts";

/** Whether the commit is in the stream for good, or will never be. */
export type Settled = { readonly is: "there"; readonly events: readonly RecordedEvent[] } | { readonly is: "dead" };

export type SettlementParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly times: FeedTimes;
  /** How many may look at the same time: those who have just heard of a commit never wait for the hopeless. */
  readonly slots: { readonly first: Slots; readonly later: Slots };
};

const READ_COMMIT = `SELECT ${EVENT_COLUMNS}, commit_id FROM event_store WHERE ${PARTITION} ` +
  "AND sequence_number > ? AND sequence_number <= ?";
const READ_HEAD = `SELECT DISTINCT current_sequence, fence FROM event_store WHERE ${PARTITION}`;
const FENCE = `UPDATE event_store SET fence = ? WHERE ${PARTITION} IF current_sequence = ? AND fence = ?`;
const LONGEST_WAIT_MS = 5_000;
const FIRST_LOOKS = 2;
/** After so many of the times in which it should have been settled, somebody should hear of it. */
const OVERDUE = 10;

/**
 * Finds out what became of an announced commit. One that does not come in time is made impossible, by changing the
 * fence that it depends on: "not there" alone would prove nothing. Ends only with the answer, or by the signal.
 */
export async function settle(
  announcement: Announcement,
  { signal, ...parts }: SettlementParts & { readonly signal: AbortSignal },
): Promise<Settled> {
  const { runtime, log, times, slots } = parts;
  const seenMs = runtime.monotonicMs();
  let waitMs = 0;
  for (let looks = 0, isOverdue = false;; looks += 1) {
    signal.throwIfAborted();
    const ageMs = runtime.monotonicMs() - seenMs;
    const settled = await (looks < FIRST_LOOKS ? slots.first : slots.later).run(() => look(announcement, parts, ageMs));
    if (settled !== undefined) return settled;
    if (!isOverdue && ageMs > OVERDUE * times.fenceAfterMs) {
      isOverdue = true;
      log.warn("An announced commit cannot be settled", { ...announcement });
    }
    waitMs = times.lookAgainMs[looks] ?? Math.min(2 * waitMs, LONGEST_WAIT_MS);
    await runtime.sleep(waitMs, { signal });
  }
}

/** Undefined while it may still come, or nobody answers. */
async function look(
  announcement: Announcement,
  { session, runtime, times }: Omit<SettlementParts, "slots">,
  ageMs: number,
): Promise<Settled | undefined> {
  try {
    const consistency = ageMs >= times.serialAfterMs ? "serial" : "quorum";
    const found = await readCommit(session, announcement, { consistency });
    if (found !== undefined || consistency === "quorum") return found;
    const { bucket, cond, fence } = announcement;
    const head = await readHead(session, announcement);
    if (head.current !== cond) return undefined;
    if (head.fence !== fence) return { is: "dead" };
    if (ageMs < times.fenceAfterMs) return undefined;
    const values = [runtime.newId(), ...partitionOf(announcement, bucket), cond === null ? null : BigInt(cond), fence];
    const [row] = await session.execute({ cql: FENCE, values });
    // Not applied: the commit has come after all, or another has, or a fence. The next look says which.
    return row?.["[applied]"] === true ? { is: "dead" } : undefined;
  } catch (error) {
    if (error instanceof CqlError) return undefined;
    throw error;
  }
}

/** The row behind the expected version says whose commit won; undefined when there is none yet. */
async function readCommit(
  session: CqlSession,
  announcement: Announcement,
  options: ReadOptions,
): Promise<Settled | undefined> {
  const { bucket, expected, count, commitId } = announcement;
  const values = [...partitionOf(announcement, bucket), BigInt(expected), BigInt(expected + count)];
  const rows = await allRows(session, { cql: READ_COMMIT, values }, options);
  const [first] = rows;
  if (first === undefined) return undefined;
  return first["commit_id"] === commitId ? { is: "there", events: rows.map(toEvent) } : { is: "dead" };
}

async function readHead(session: CqlSession, announcement: Announcement) {
  const statement = { cql: READ_HEAD, values: partitionOf(announcement, announcement.bucket) };
  const [row] = await allRows(session, statement, { consistency: "serial" });
  const current = row?.["current_sequence"];
  return { current: typeof current === "bigint" ? Number(current) : null, fence: row?.["fence"] ?? null };
}
