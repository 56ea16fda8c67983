import type { Health } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { DatabaseClock } from "./database_clock.ts";
import type { CqlSession } from "./session.ts";

type WatchParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
};

/** Twice as often as the clock needs, so that an outage is told of soon. */
const LOOK_EVERY_MS = 5_000;

/** Asks the database for its time again and again: what keeps the clock right also shows whether anybody answers. */
export class DatabaseWatch {
  readonly clock: DatabaseClock;
  readonly #parts: WatchParts;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #trouble: string | undefined;

  static async start(parts: WatchParts): Promise<DatabaseWatch> {
    return new DatabaseWatch(parts, await DatabaseClock.start(parts.session, parts.runtime));
  }

  private constructor(parts: WatchParts, clock: DatabaseClock) {
    this.#parts = parts;
    this.clock = clock;
    const { signal: until } = this.#stopping;
    this.#running = parts.branch.start({ name: "database_watch", run: (life) => this.#run(life), until });
  }

  health(): Health {
    if (this.#trouble === undefined) return this.clock.health();
    return { status: "fail", reason: `the database does not answer: ${this.#trouble}` };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run({ signal, beat }: Life): Promise<void> {
    const { runtime, log } = this.#parts;
    while (!signal.aborted) {
      beat();
      await runtime.sleep(LOOK_EVERY_MS, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.clock.measure();
        if (this.#trouble !== undefined) log.info("The database answers again");
        this.#trouble = undefined;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#trouble === undefined) log.error("The database does not answer", { reason });
        this.#trouble = reason;
      }
    }
  }
}
