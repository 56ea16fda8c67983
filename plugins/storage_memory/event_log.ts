import type { ChangeLog, Changes } from "../../core/ports/change_log.ts";
import type { EventStore, RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import { type Checkpoint, parseCheckpoint, type Write } from "../../core/ports/progress.ts";

const MAX_PAGE_EVENTS = 1_000;

export type EventLog = {
  readonly store: EventStore;
  readonly log: ChangeLog;
  /** In the order of their first events. */
  readonly streams: () => readonly Stream[];
  /** Whether a reader at this checkpoint has passed that event. */
  readonly hasPassed: (checkpoint: Checkpoint | null, write: Write) => boolean;
};

/** Events in one array, in the order of their appends; a checkpoint is how many of them were passed. */
export function createEventLog(): EventLog {
  const log: RecordedEvent[] = [];
  const positions = new Map<string, number[]>();
  const waiting = new Set<() => void>();
  const positionsOf = (stream: Stream) => positions.get(nameOf(stream)) ?? [];

  const store: EventStore = {
    soleWriter: true,
    append(stream, { expectedVersion, events }) {
      if (events.length === 0) {
        return Promise.reject(new TypeError("Cannot append: expected at least 1 event, found 0"));
      }
      const held = positionsOf(stream);
      if (held.length !== expectedVersion) return Promise.resolve("conflict");
      const { aggregateType, aggregateId } = stream;
      const recorded = asJson(events).map((event, at) => ({
        ...event,
        aggregateType,
        aggregateId,
        sequenceNumber: expectedVersion + at + 1,
      }));
      for (const event of recorded) held.push(log.push(event) - 1);
      positions.set(nameOf(stream), held);
      for (const wake of waiting) wake();
      return Promise.resolve("applied");
    },
    read(stream, { after, limit }) {
      const page = positionsOf(stream).slice(after, after + limit);
      return Promise.resolve(page.flatMap((position) => structuredClone(log.slice(position, position + 1))));
    },
    version: (stream) => Promise.resolve(positionsOf(stream).length),
  };

  return {
    store,
    log: changeLogOf(log, waiting),
    streams: () =>
      log.filter(({ sequenceNumber }) => sequenceNumber === 1)
        .map(({ aggregateType, aggregateId }) => ({ aggregateType, aggregateId })),
    hasPassed(checkpoint, write) {
      const position = positionsOf(write)[write.version - 1];
      return checkpoint !== null && position !== undefined && position < parseCheckpoint(checkpoint);
    },
  };
}

function changeLogOf(log: readonly RecordedEvent[], waiting: Set<() => void>): ChangeLog {
  return {
    changes: (options) => follow({ log, waiting, ...options }),
    head: () => Promise.resolve(String(log.length)),
    async backlog(after) {
      const from = after === null ? 0 : parseCheckpoint(after);
      return { events: Math.max(0, log.length - from), since: log[from]?.timestamp ?? null };
    },
  };
}

type Follow = Parameters<ChangeLog["changes"]>[0] & {
  readonly log: readonly RecordedEvent[];
  readonly waiting: Set<() => void>;
};

async function* follow({ log, waiting, after, eventTypes, limit, signal }: Follow): AsyncGenerator<Changes, void> {
  let position = after === null ? 0 : parseCheckpoint(after);
  while (!signal.aborted) {
    if (position >= log.length) {
      await nextAppend(waiting, signal);
      continue;
    }
    const page = log.slice(position, position + Math.min(limit ?? MAX_PAGE_EVENTS, MAX_PAGE_EVENTS));
    position += page.length;
    const events = structuredClone(page.filter((event) => eventTypes.has(event.eventType)));
    yield { events, checkpoint: String(position), more: position < log.length };
  }
}

function nextAppend(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      waiting.delete(wake);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    waiting.add(wake);
    signal.addEventListener("abort", wake);
  });
}

/** A copy that says what JSON says, as any store on a disk would give back. */
function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

function nameOf({ aggregateType, aggregateId }: Stream): string {
  return JSON.stringify([aggregateType, aggregateId]);
}
