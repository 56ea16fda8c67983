import type { EventStore, NewEvent } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { headAt, KeyedAttempt } from "./attempts.ts";
import { commitEvents, type OnAnnounce, type OnCommit } from "./commits.ts";
import type { DatabaseClock } from "./database_clock.ts";
import { type Layout, maxEventsPerCommit } from "./partitions.ts";
import type { CqlSession } from "./session.ts";
import { createStreamReader } from "./stream_reader.ts";
import { toUnavailable } from "./unavailable.ts";

export type EventStoreParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly clock: DatabaseClock;
  readonly layout: Layout;
  readonly settleMs?: number;
  readonly onCommit?: OnCommit;
  readonly onAnnounce?: OnAnnounce;
};

const SETTLE_MS = 10_000;

/** The events in `event_store`, which any number of processes append to. */
export function createEventStore({ settleMs = SETTLE_MS, ...given }: EventStoreParts): EventStore {
  const { session, layout } = given;
  const reader = createStreamReader(session, layout);
  const { heads } = reader;
  const parts = { ...given, heads, settleMs };
  return {
    soleWriter: false,
    async append(stream, { expectedVersion, events }) {
      requireAppendable(layout, { expectedVersion, events });
      return await orUnavailable(async () => {
        const head = await headAt(heads, stream, expectedVersion);
        return head === undefined ? "conflict" : await commitEvents(parts, { stream, head, events, closing: null });
      });
    },
    read: (stream, options) => orUnavailable(() => reader.read(stream, options)),
    version: (stream) => orUnavailable(() => reader.version(stream)),
    attempt(stream, { deadlineMs }) {
      const attempt = new KeyedAttempt(parts, { stream, deadlineMs });
      return {
        async append(options) {
          requireAppendable(layout, options);
          return await orUnavailable(() => attempt.append(options));
        },
        close: (version) => orUnavailable(() => attempt.close(version)),
      };
    },
  };
}

function requireAppendable(
  layout: Layout,
  { expectedVersion, events }: { readonly expectedVersion: number; readonly events: readonly NewEvent[] },
): void {
  const most = maxEventsPerCommit(layout);
  if (events.length === 0 || events.length > most) {
    throw new TypeError(`Cannot append: expected 1 to ${most} events, found ${events.length}`);
  }
  if (!Number.isSafeInteger(expectedVersion) || expectedVersion < 0) {
    throw new TypeError(`Cannot append: expected a version of at least 0, found ${expectedVersion}`);
  }
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toUnavailable(error);
  }
}
