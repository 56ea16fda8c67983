import {
  type AppendOutcome,
  type NewEvent,
  type RecordedEvent,
  type Stream,
  Unavailable,
} from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { announce, type AnnouncerParts } from "./announcements.ts";
import { insertEvent } from "./event_rows.ts";
import { PARTITION, partitionOf } from "./partitions.ts";
import { CqlError, type CqlSession, type CqlValue, type Statement } from "./session.ts";
import type { Head, StreamHeads } from "./stream_heads.ts";

export type CommitParts = AnnouncerParts & {
  readonly heads: StreamHeads;
  /** How long an unknown outcome is followed up; well below the 30 s after which a feed closes the stream to it. */
  readonly settleMs: number;
  readonly onCommit?: OnCommit;
  readonly onAnnounce?: OnAnnounce;
};

/** Told that a commit is about to be announced; what it returns is called once, with whether it was applied. */
export type OnAnnounce = (commitId: string) => (isApplied: boolean) => void;

/** Told of a commit that was applied, and its events as the store gives them back. */
export type OnCommit = (
  stream: Stream,
  commit: { readonly commitId: string; readonly events: readonly RecordedEvent[] },
) => void;

export type Commit = {
  readonly stream: Stream;
  /** As it was loaded: nothing is stored unless it is still so. */
  readonly head: Head;
  readonly events: readonly NewEvent[];
  /** What the fence becomes along with it; null leaves it. */
  readonly closing: string | null;
};

const CONDITION = "IF current_sequence = ? AND fence = ?";
const MOVE = `UPDATE event_store SET current_sequence = ? WHERE ${PARTITION} ${CONDITION}`;
const MOVE_AND_CLOSE = `UPDATE event_store SET current_sequence = ?, fence = ? WHERE ${PARTITION} ${CONDITION}`;
const CLOSE = `UPDATE event_store SET fence = ? WHERE ${PARTITION} ${CONDITION}`;
const READ_WINNER = `SELECT commit_id FROM event_store WHERE ${PARTITION} AND sequence_number = ?`;
const READ_HEAD = `SELECT DISTINCT current_sequence, fence FROM event_store WHERE ${PARTITION}`;

const FIRST_DELAY_MS = 25;
const LONGEST_DELAY_MS = 500;

/**
 * Announces the commit, then stores its events and moves the stream's head by one conditional batch. `conflict` is as
 * final as `applied`: every later answer to the same batch would be no, too. Throws `Unavailable` when certainly
 * nothing was stored or will be.
 */
export async function commitEvents(parts: CommitParts, commit: Commit): Promise<AppendOutcome> {
  parts.clock.requireAgreement();
  const commitId = parts.runtime.newId();
  const end = parts.onAnnounce?.(commitId);
  let isApplied = false;
  try {
    const outcome = await announceAndStore(parts, commit, commitId);
    isApplied = outcome === "applied";
    return outcome;
  } finally {
    end?.(isApplied);
  }
}

async function announceAndStore(parts: CommitParts, commit: Commit, commitId: string): Promise<AppendOutcome> {
  const { stream, head, events, closing } = commit;
  const deadlineMs = parts.runtime.monotonicMs() + parts.settleMs;
  const announcement = { stream, head, commitId, count: events.length };
  await untilKnown({ ...parts, deadlineMs, mayBeUnknown: false }, () => announce(parts, announcement));
  if (parts.runtime.monotonicMs() >= deadlineMs) {
    throw new Unavailable("Expected an announcement in time for its commit, found it late; nothing was stored");
  }
  const statements = batchOf(commit, commitId);
  const outcome = await untilKnown({ ...parts, deadlineMs, mayBeUnknown: true }, async (doubt) => {
    if (isApplied(await parts.session.batch(statements))) return "applied";
    // The batch may have won and lost its answer: then it is its own success that it was refused by.
    doubt();
    return await isWinner(parts.session, commit, commitId) ? "applied" : "conflict";
  });
  if (outcome === "applied") {
    const version = head.version + events.length;
    parts.heads.advance(stream, { version, bucket: head.bucket, fence: closing ?? head.fence });
    parts.onCommit?.(stream, { commitId, events: recorded(commit) });
  } else {
    parts.heads.forget(stream);
  }
  return outcome ?? "unknown";
}

/**
 * Changes the fence, so that no commit that depends on the one before can come any more. False when the head is another
 * by now. Throws `Unavailable` when that cannot be known.
 */
export async function closeStream(
  parts: CommitParts,
  { stream, head, fence }: { readonly stream: Stream; readonly head: Head; readonly fence: string },
): Promise<boolean> {
  const partition = partitionOf(stream, head.bucket);
  const close = { cql: CLOSE, values: [fence, ...partition, ...conditionOf(head)] };
  const deadlineMs = parts.runtime.monotonicMs() + parts.settleMs;
  const isClosed = await untilKnown({ ...parts, deadlineMs, mayBeUnknown: false }, async () => {
    if (isApplied(await parts.session.execute(close))) return true;
    const [row] = await parts.session.execute({ cql: READ_HEAD, values: partition }, { consistency: "serial" });
    const current = row?.["current_sequence"] ?? null;
    return row?.["fence"] === fence && (current === null ? null : Number(current)) === head.cond;
  });
  if (isClosed === true) parts.heads.learn(stream, { ...head, fence });
  else parts.heads.forget(stream);
  return isClosed === true;
}

function batchOf({ stream, head, events, closing }: Commit, commitId: string): Statement[] {
  const { bucket, version } = head;
  const last = BigInt(version + events.length);
  const values = [...partitionOf(stream, bucket), ...conditionOf(head)];
  const move = closing === null
    ? { cql: MOVE, values: [last, ...values] }
    : { cql: MOVE_AND_CLOSE, values: [last, closing, ...values] };
  const place = (at: number) => ({ stream, bucket, commitId, sequenceNumber: version + at + 1 });
  return [move, ...events.map((event, at) => insertEvent(place(at), event))];
}

function conditionOf({ cond, fence }: Head): readonly CqlValue[] {
  return [cond === null ? null : BigInt(cond), fence];
}

/** The columns beside it differ between servers and between answers. */
function isApplied([row]: Awaited<ReturnType<CqlSession["batch"]>>): boolean {
  return row?.["[applied]"] === true;
}

async function isWinner(session: CqlSession, { stream, head }: Commit, commitId: string): Promise<boolean> {
  const values = [...partitionOf(stream, head.bucket), BigInt(head.version + 1)];
  const [row] = await session.execute({ cql: READ_WINNER, values }, { consistency: "serial" });
  return row?.["commit_id"] === commitId;
}

type UntilKnown = {
  readonly runtime: Runtime;
  readonly deadlineMs: number;
  /** What the deadline makes of it: undefined, or else `Unavailable`. */
  readonly mayBeUnknown: boolean;
};

/**
 * Sends the same again until its answer is known. As long as no send is in doubt, one that certainly did nothing ends
 * it with `Unavailable`.
 */
async function untilKnown<T>(
  { runtime, deadlineMs, mayBeUnknown }: UntilKnown,
  send: (doubt: () => void) => Promise<T>,
): Promise<T | undefined> {
  let isInDoubt = false;
  for (let delayMs = FIRST_DELAY_MS;; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    try {
      return await send(() => isInDoubt = true);
    } catch (error) {
      if (!(error instanceof CqlError)) throw error;
      if (!isInDoubt && error.kind !== "unknown") throw new Unavailable(error.message, { cause: error });
      isInDoubt = true;
      if (runtime.monotonicMs() + delayMs >= deadlineMs) {
        if (mayBeUnknown) return undefined;
        throw new Unavailable(error.message, { cause: error });
      }
    }
    await runtime.sleep(delayMs * (0.5 + runtime.random() / 2));
  }
}

function recorded({ stream: { aggregateType, aggregateId }, head, events }: Commit): readonly RecordedEvent[] {
  return events.map((event, at) => ({
    ...event,
    data: JSON.parse(JSON.stringify(event.data)),
    aggregateType,
    aggregateId,
    sequenceNumber: head.version + at + 1,
  }));
}
