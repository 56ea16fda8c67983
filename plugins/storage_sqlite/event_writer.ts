import { type AppendOutcome, type NewEvent, type Stream, Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { type EventRow, sizeOf, toRow } from "./event_rows.ts";
import { CONFLICT, type GroupReply, type Move, type SnapshotRow } from "./events_file.ts";
import type { EventsReply, EventsRequest, OpenReply } from "./events_worker.ts";
import { errorOf, type Failure, messageOf, readOnlyFailure } from "./sqlite_error.ts";
import type { Tail } from "./tail.ts";
import { Thread, ThreadDied } from "./thread.ts";

const MAX_GROUP_ENTRIES = 512;
const MAX_GROUP_BYTES = 4_000_000;
const MAX_WAITING_BYTES = 64_000_000;
const MOVE_BYTES = 500;

/** How a write that waits learns what became of it. */
type Caller<T> = { readonly resolve: (outcome: T) => void; readonly reject: (error: Error) => void };
type WaitingGroup = {
  readonly appends: (readonly EventRow[])[];
  readonly appenders: Caller<AppendOutcome>[];
  readonly snapshots: SnapshotRow[];
  readonly moves: Move[];
  /** Who waits for a snapshot or a move. */
  readonly savers: Caller<void>[];
  bytes: number;
};

export type EventWriterOptions = {
  readonly startWorker: () => Worker;
  readonly log: Log;
  readonly runtime: Pick<Runtime, "monotonicMs">;
  /** Opens the files again if their disk has become writable. */
  readonly whenReadOnly: () => Promise<void>;
};

/** Gathers what many callers write into groups, one group under way at a time, and tells each caller its outcome. */
export class EventWriter {
  readonly #path: string;
  readonly #thread: Thread;
  readonly #log: Log;
  readonly #waiting: WaitingGroup[] = [];
  #waitingBytes = 0;
  #tail: Tail | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  #failure: string | undefined;
  #isWritable = true;
  readonly #whenReadOnly: () => Promise<void>;

  constructor(path: string, { startWorker, log, runtime, whenReadOnly }: EventWriterOptions) {
    this.#path = path;
    this.#log = log;
    this.#whenReadOnly = whenReadOnly;
    this.#thread = new Thread({ name: path, start: startWorker, log, runtime });
  }

  /** Why the last group was not stored; undefined since one was. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** How long the group under way has taken. */
  get busyMs(): number {
    return this.#thread.busyMs;
  }

  watch(life: Life): Promise<void> {
    return this.#thread.watch(life);
  }

  /** Opens the file and answers with the position of its last event; throws a `StartError`. */
  async open(): Promise<number> {
    const reply = await this.#call({ open: this.#path }, { mayTakeLong: true }) as OpenReply;
    if ("refused" in reply) {
      // Ended, so that the next group opens the file: one for a closed file would end it with an unknown outcome.
      this.#thread.terminate();
      throw new StartError(reply.refused);
    }
    this.#isWritable = reply.isWritable;
    if (!reply.isWritable) {
      this.#log.warn("Events can be read but not stored: the disk is read-only", { file: this.#path });
    }
    this.#failure = reply.isWritable ? undefined : readOnlyFailure(this.#path).message;
    return reply.head;
  }

  /** Says where committed events go; before the first append. */
  feed(tail: Tail): void {
    this.#tail = tail;
  }

  append(stream: Stream, expectedVersion: number, events: readonly NewEvent[]): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const rows = events.map((event, at) => toRow(stream, expectedVersion + at + 1, event));
      const group = this.#groupFor(rows.reduce((bytes, row) => bytes + sizeOf(row), 0));
      group.appends.push(rows);
      group.appenders.push({ resolve, reject });
    });
  }

  /** Saves a snapshot along with the next group. */
  save(row: SnapshotRow): Promise<void> {
    const group = this.#groupFor(row[5].length);
    const { promise, ...caller } = Promise.withResolvers<void>();
    group.snapshots.push(row);
    group.savers.push(caller);
    return promise;
  }

  /** Moves a subscription's progress along with the next group. */
  move(move: Move): Promise<void> {
    const group = this.#groupFor(MOVE_BYTES * (1 + move.park.length + move.unpark.length));
    const { promise, ...caller } = Promise.withResolvers<void>();
    group.moves.push(move);
    group.savers.push(caller);
    return promise;
  }

  /** Writes what is waiting, then closes the file; nothing can be written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    try {
      if (this.#thread.running) await this.#call({ close: true });
    } catch (error) {
      if (!(error instanceof ThreadDied)) throw error;
    } finally {
      this.#thread.terminate();
    }
  }

  #groupFor(bytes: number): WaitingGroup {
    if (this.#closed) throw new Unavailable(`Cannot write to ${this.#path}: it is being closed`);
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES && this.#waiting.length > 0) {
      const waiting = `${Math.round(this.#waitingBytes / 1e6)} MB of events wait for the disk`;
      throw new Unavailable(`Cannot write to ${this.#path}: ${waiting}; try again`);
    }
    this.#waitingBytes += bytes;
    const last = this.#waiting.at(-1);
    const entries = last === undefined ? 0 : last.appends.length + last.savers.length;
    if (last !== undefined && entries < MAX_GROUP_ENTRIES && last.bytes + bytes <= MAX_GROUP_BYTES) {
      last.bytes += bytes;
      return last;
    }
    const group: WaitingGroup = { appends: [], appenders: [], snapshots: [], moves: [], savers: [], bytes };
    this.#waiting.push(group);
    this.#running ??= this.#run();
    return group;
  }

  async #run(): Promise<void> {
    // What is appended in the same breath shares the first group; what comes while it is written shares the next.
    await Promise.resolve();
    for (let group = this.#waiting.shift(); group !== undefined; group = this.#waiting.shift()) {
      this.#waitingBytes -= group.bytes;
      await this.#write(group);
    }
    this.#running = undefined;
  }

  async #write(group: WaitingGroup): Promise<void> {
    const { appends, snapshots, moves } = group;
    const obstacle = await this.#obstacle();
    if (obstacle !== undefined) return this.#fail(group, obstacle);
    try {
      const reply = await this.#call({ group: { appends, snapshots, moves } }) as GroupReply;
      if ("failure" in reply) this.#fail(group, reply.failure);
      else this.#settle(group, reply.outcomes);
    } catch (error) {
      this.#fail(group, { kind: error instanceof ThreadDied ? "unknown" : "fault", message: messageOf(error) });
    }
  }

  /** Why nothing can be written just now, after trying to mend it. */
  async #obstacle(): Promise<Failure | undefined> {
    try {
      if (!this.#thread.running) await this.#reopen();
      if (!this.#isWritable) await this.#whenReadOnly();
      return this.#isWritable ? undefined : readOnlyFailure(this.#path);
    } catch (error) {
      return { kind: "unavailable", message: messageOf(error) };
    }
  }

  async #reopen(): Promise<void> {
    const head = await this.open();
    // The group that was under way may have been stored: readers have to find out from the file.
    this.#tail?.reset(head);
    this.#log.info("A storage thread was started again", { file: this.#path, head });
  }

  #settle({ appends, appenders, savers }: WaitingGroup, outcomes: readonly number[]): void {
    if (this.#failure !== undefined) this.#log.info("Events can be stored again", { file: this.#path });
    this.#failure = undefined;
    for (const [at, rows] of appends.entries()) {
      if (outcomes[at] === CONFLICT) continue;
      for (const row of rows) this.#tail?.push(row);
    }
    for (const [at, { resolve }] of appenders.entries()) resolve(outcomes[at] === CONFLICT ? "conflict" : "applied");
    for (const { resolve } of savers) resolve();
    this.#tail?.ring();
  }

  #fail({ appenders, savers }: WaitingGroup, failure: Failure): void {
    if (this.#failure === undefined) {
      this.#log.error("Events could not be stored", { kind: failure.kind, reason: failure.message });
    }
    this.#failure = failure.message;
    const error = errorOf(failure);
    for (const { resolve, reject } of appenders) failure.kind === "unknown" ? resolve("unknown") : reject(error);
    for (const { reject } of savers) reject(error);
  }

  #call(request: EventsRequest, options?: { readonly mayTakeLong: boolean }): Promise<EventsReply> {
    return this.#thread.call(request, options) as Promise<EventsReply>;
  }
}
