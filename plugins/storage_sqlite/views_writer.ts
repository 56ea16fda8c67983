import { StartError } from "../../core/ports/plugin.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { IndexList } from "./document_rows.ts";
import { errorOf } from "./sqlite_error.ts";
import { Thread, ThreadDied } from "./thread.ts";
import type { ViewChange } from "./views_file.ts";
import type { ViewsReply, ViewsRequest } from "./views_worker.ts";

export type ViewsWriterOptions = {
  readonly startWorker: () => Worker;
  readonly log: Log;
  readonly runtime: Pick<Runtime, "monotonicMs">;
  /** How many changes of an incarnation are stored: tells whether one whose answer was lost is among them. */
  readonly revisionOf: (incarnation: string) => number;
};

/** Hands changes to the thread that owns views.db, in the order they come. */
export class ViewsWriter {
  readonly #path: string;
  readonly #thread: Thread;
  readonly #revisionOf: (incarnation: string) => number;
  #opening: Promise<void> | undefined;
  #closed = false;

  constructor(path: string, { startWorker, log, runtime, revisionOf }: ViewsWriterOptions) {
    this.#path = path;
    this.#revisionOf = revisionOf;
    this.#thread = new Thread({ name: path, start: startWorker, log, runtime });
  }

  /** How long the change under way has taken. */
  get busyMs(): number {
    return this.#thread.busyMs;
  }

  watch(life: Life): Promise<void> {
    return this.#thread.watch(life);
  }

  /** Throws a `StartError`. */
  open(): Promise<void> {
    return this.#opening ??= this.#open().finally(() => this.#opening = undefined);
  }

  prepare(incarnation: string, indexes: IndexList): Promise<void> {
    return this.#call({ prepare: { incarnation, indexes } }, { mayTakeLong: true });
  }

  discard(incarnations: readonly string[]): Promise<void> {
    return this.#call({ discard: incarnations });
  }

  async write(change: ViewChange): Promise<void> {
    const revision = this.#revisionOf(change.incarnation);
    try {
      await this.#call({ write: change });
    } catch (error) {
      if (!(error instanceof ThreadDied)) throw error;
      // A read model has one writer, so if it moved at all it was by this change.
      if (this.#revisionOf(change.incarnation) === revision) throw new Unavailable(error.message);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      if (this.#thread.running) await this.#thread.call({ close: true } satisfies ViewsRequest);
    } catch (error) {
      if (!(error instanceof ThreadDied)) throw error;
    } finally {
      this.#thread.terminate();
    }
  }

  async #open(): Promise<void> {
    const reply = await this.#thread.call({ open: this.#path } satisfies ViewsRequest, {
      mayTakeLong: true,
    }) as ViewsReply;
    if ("refused" in reply) {
      // Ended, so that the next change opens the file: one for a closed file would end it as a crash does.
      this.#thread.terminate();
      throw new StartError(reply.refused);
    }
  }

  async #call(request: ViewsRequest, options?: { readonly mayTakeLong: boolean }): Promise<void> {
    if (this.#closed) throw new Unavailable(`Cannot write to ${this.#path}: it is being closed`);
    if (this.#opening !== undefined || !this.#thread.running) await this.#reopen();
    const reply = await this.#thread.call(request, options) as ViewsReply;
    if ("failure" in reply) throw errorOf(reply.failure);
  }

  async #reopen(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      throw new Unavailable(error instanceof Error ? error.message : String(error));
    }
  }
}
