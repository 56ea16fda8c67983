import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { EventsReader } from "./events_reader.ts";
import { EventWriter } from "./event_writer.ts";
import { lockDirectory, type User } from "./lock.ts";
import { finishRestore } from "./pending_restore.ts";
import { reading } from "./sqlite_error.ts";
import { ViewsReader } from "./views_reader.ts";
import { ViewsWriter } from "./views_writer.ts";

export type FilesOptions = {
  readonly user: User;
  readonly log: Log;
  readonly runtime: Pick<Runtime, "monotonicMs">;
  readonly branch: Branch;
  readonly startWorker: (file: "events" | "views") => Worker;
};

/** How long a write may take before it is told of: longer than a checkpoint or a slow sync of a sound disk. */
const SLOW_WRITE_MS = 5_000;

type Readers = { readonly events: EventsReader; readonly views: ViewsReader };

/** A data directory that this process has to itself: of each file the one writer and this thread's reader. */
export class Files {
  readonly events: EventWriter;
  readonly views: ViewsWriter;
  readonly #directory: string;
  readonly #log: Log;
  readonly #lock: Disposable;
  readonly #closing = new AbortController();
  #readers: Readers | undefined;
  /** Which file `events.db` was when it was opened. */
  #events: string | undefined;
  #state: "opening" | "open" | "closed" = "opening";

  /** Throws a `StartError` when another process uses the directory or a file cannot be used as it is. */
  static async open(directory: string, options: FilesOptions): Promise<{ files: Files; head: number }> {
    const files = new Files(directory, options, await lockDirectory(directory, options.user));
    try {
      files.#watch(options.branch);
      await files.#finishRestore();
      const head = await files.#open();
      await files.#discardForeignViews();
      return { files, head };
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  private constructor(directory: string, { log, runtime, startWorker }: FilesOptions, lock: Disposable) {
    this.#directory = directory;
    this.#log = log;
    this.#lock = lock;
    this.events = new EventWriter(this.#path("events"), {
      startWorker: () => startWorker("events"),
      log,
      runtime,
      whenReadOnly: () => this.#openIfWritable(),
    });
    this.views = new ViewsWriter(this.#path("views"), {
      startWorker: () => startWorker("views"),
      log,
      runtime,
      revisionOf: (incarnation) => this.viewsReader().revisionOf(incarnation),
    });
  }

  eventsReader(): EventsReader {
    return this.#opened().events;
  }

  viewsReader(): ViewsReader {
    return this.#opened().views;
  }

  /** Why writing does not go as it should just now; undefined when it does. */
  get trouble(): string | undefined {
    const slow = (["events", "views"] as const).find((file) => this[file].busyMs >= SLOW_WRITE_MS);
    if (slow === undefined) return this.events.failure;
    return `a write to ${this.#path(slow)} has taken ${Math.floor(this[slow].busyMs / 1_000)} s; look at its disk`;
  }

  /** Why what is stored will not be found again; undefined where it will. */
  get loss(): string | undefined {
    if (this.#events === undefined || this.#identity() === this.#events) return undefined;
    const what = `${this.#path("events")} was removed or replaced while this process uses it`;
    const advice = `send it nothing, and before it ends rescue the file from /proc/${Deno.pid}/fd (docs/runbook.md)`;
    return `${what}: what it stores is lost when it ends; ${advice}`;
  }

  async close(): Promise<void> {
    try {
      await this.events.close();
      await this.views.close();
    } finally {
      this.#closing.abort();
      this.#state = "closed";
      // Closed after the writers, readers leave the log's files in place, without which SQLite cannot open a database
      // in WAL mode on a disk that has become read-only.
      this.#closeReaders();
      this.#lock[Symbol.dispose]();
    }
  }

  #watch(branch: Branch): void {
    for (const file of ["events", "views"] as const) {
      branch.start({ name: `${file}_thread`, run: (life) => this[file].watch(life), until: this.#closing.signal });
    }
  }

  /** One that was killed half-way: what it put aside must not be missed, nor be read beside what it brings. */
  async #finishRestore(): Promise<void> {
    const finished = await finishRestore(this.#directory);
    if (finished !== undefined) this.#log.warn("A restore that had been interrupted was finished", finished);
  }

  #path(file: "events" | "views"): string {
    return `${this.#directory}/${file}.db`;
  }

  /** As before where it cannot be told. */
  #identity(): string | undefined {
    try {
      const { dev, ino } = Deno.statSync(this.#path("events"));
      return `${dev}/${ino}`;
    } catch (error) {
      return error instanceof Deno.errors.NotFound ? "none" : this.#events;
    }
  }

  #opened(): Readers {
    if (this.#state !== "open") throw new Unavailable(`Cannot read from ${this.#directory}: it is ${this.#state}`);
    return this.#readers ??= reading(this.#directory, () => ({
      events: new EventsReader(this.#path("events")),
      views: new ViewsReader(this.#path("views")),
    }));
  }

  async #open(): Promise<number> {
    this.#state = "opening";
    try {
      const head = await this.events.open();
      await this.views.open();
      this.#events = this.#identity();
      return head;
    } finally {
      this.#state = "open";
    }
  }

  #closeReaders(): void {
    this.#readers?.events.close();
    this.#readers?.views.close();
    this.#readers = undefined;
  }

  /** Files opened on a read-only disk stay read-only to every connection until the last of them is closed. */
  async #openIfWritable(): Promise<void> {
    try {
      (await Deno.open(`${this.#directory}/lock`, { write: true })).close();
    } catch {
      return;
    }
    this.#log.info("The disk is writable again: opening the files anew", { directory: this.#directory });
    this.#closeReaders();
    await this.#open();
  }

  /** A read model whose last event is not in events.db was made from others, as after restoring an older copy. */
  async #discardForeignViews(): Promise<void> {
    const { events, views } = this.#opened();
    const foreign = views.allProgress().filter(({ position, eventId }) =>
      position > 0 && events.eventIdAt(position) !== eventId
    );
    if (foreign.length === 0) return;
    const incarnations = foreign.map(({ subscription }) => subscription);
    this.#log.warn("Read models were made from other events than are stored; they are made anew", { incarnations });
    await this.views.discard(incarnations).catch((cause) => {
      const advice = `delete ${this.#path("views")}* and start again`;
      throw new StartError(`Cannot use ${this.#path("views")}: it was made from other events; ${advice}`, { cause });
    });
  }
}
