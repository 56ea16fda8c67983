import type { Runtime } from "../ports/runtime.ts";
import type { Log, Telemetry } from "../ports/telemetry.ts";
import { backoffMs } from "./retry.ts";

/** Something that runs until its signal aborts; ending earlier, or throwing, is a fault. */
export type Child = { readonly name: string; run(signal: AbortSignal): Promise<void> };

export type ChildStatus = {
  readonly name: string;
  readonly state: "running" | "restarting" | "stopped";
  readonly restarts: number;
  readonly lastError: string | null;
};

/** A child that ran this long is well again: its next fault waits the shortest time. */
const WELL_AFTER_MS = 60_000;

/** Runs children side by side and restarts, with backoff, the one that fails; the others do not notice. */
export class Supervisor {
  readonly #parts: { readonly runtime: Runtime; readonly log: Log; readonly restarted: (child: string) => void };
  readonly #stopping = new AbortController();
  readonly #statuses = new Map<string, ChildStatus>();
  readonly #running: Promise<void>[] = [];

  constructor({ runtime, log, telemetry }: { runtime: Runtime; log: Log; telemetry: Telemetry }) {
    const restarts = telemetry.counter({
      name: "supervisor_restarts_total",
      help: "Restarts of supervised components",
      labels: ["component"],
    });
    this.#parts = { runtime, log, restarted: (component) => restarts.at({ component }).add() };
  }

  start(child: Child): void {
    this.#running.push(this.#keepRunning(child));
  }

  statuses(): readonly ChildStatus[] {
    return [...this.#statuses.values()];
  }

  /** Ends when every child has. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #keepRunning(child: Child): Promise<void> {
    const { runtime, log, restarted } = this.#parts;
    const { signal } = this.#stopping;
    let status: ChildStatus = { name: child.name, state: "running", restarts: 0, lastError: null };
    const become = (change: Partial<ChildStatus>) => {
      status = { ...status, ...change };
      this.#statuses.set(child.name, status);
    };
    for (let failures = 0; !signal.aborted;) {
      become({ state: "running" });
      const startedMs = runtime.monotonicMs();
      const error = await outcomeOf(child, signal);
      if (signal.aborted) break;
      failures = runtime.monotonicMs() - startedMs > WELL_AFTER_MS ? 1 : failures + 1;
      become({ state: "restarting", restarts: status.restarts + 1, lastError: String(error) });
      log.error("A component failed and is restarted", { component: child.name, error });
      restarted(child.name);
      await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
    }
    become({ state: "stopped" });
  }
}

async function outcomeOf(child: Child, signal: AbortSignal): Promise<unknown> {
  try {
    await child.run(signal);
    return new Error(`${child.name} ended although nobody stopped it`);
  } catch (error) {
    return error;
  }
}
