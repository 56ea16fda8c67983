import { type Stream, Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { DatabaseClock } from "./database_clock.ts";
import { type Layout, sliceOf } from "./partitions.ts";
import type { CqlSession } from "./session.ts";
import type { Head } from "./stream_heads.ts";
import { toText } from "../../core/engine/stored_text.ts";

/** A commit that is about to be made. */
export type Announcement = {
  readonly stream: Stream;
  readonly head: Head;
  readonly commitId: string;
  readonly count: number;
};

export type AnnouncerParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly clock: DatabaseClock;
  readonly layout: Layout;
};

const MINUTE_MS = 60_000;
/** A feed looks for announcements of a minute again when it is this old, so it may not be told later. */
const TOLD_WITHIN_MS = 60_000;
const MAX_TIMES = 3;

const INSERT = "INSERT INTO outbox_messages (slice, minute, at, commit_id, aggregate_type, aggregate_id, bucket, " +
  "expected, cond, count, fence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/**
 * Makes durable that a commit may come, so that whoever feeds subscriptions looks for it until it is there or can be
 * no more. Throws a `CqlError`, and `Unavailable` when this process is held up too long.
 */
export async function announce(
  { session, runtime, clock, layout }: AnnouncerParts,
  { stream, head, commitId, count }: Announcement,
): Promise<void> {
  for (let times = 1; times <= MAX_TIMES; times += 1) {
    const { bucket, version, cond, fence } = head;
    const at = Math.floor(clock.nowMs());
    const wallMs = runtime.now();
    const monotonicMs = runtime.monotonicMs();
    const values = [
      sliceOf(stream, layout.slices),
      minuteOf(at),
      new Date(at),
      commitId,
      toText(stream.aggregateType),
      toText(stream.aggregateId),
      bucket,
      BigInt(version),
      cond === null ? null : BigInt(cond),
      count,
      fence,
    ];
    await session.execute({ cql: INSERT, values });
    // A sleeping machine's monotonic clock may stand still, and any wall clock may go back.
    const elapsedMs = Math.max(runtime.now() - wallMs, runtime.monotonicMs() - monotonicMs);
    if (elapsedMs <= TOLD_WITHIN_MS) return;
  }
  throw new Unavailable(`Expected to announce a commit within ${TOLD_WITHIN_MS} ms, found this process held up longer`);
}

/** The minute of the database's time in which an announcement is looked for. */
export function minuteOf(atMs: number): bigint {
  return BigInt(Math.floor(atMs / MINUTE_MS));
}
