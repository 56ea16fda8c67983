import type { Runtime } from "../ports/runtime.ts";
import type { Child, Component } from "../ports/supervision.ts";
import type { Log } from "../ports/telemetry.ts";
import { Pulse } from "./pulse.ts";
import { backoffMs } from "./retry.ts";

export type SupervisedParts = {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Told of each restart. */
  readonly restarted: (component: string) => void;
  /** Takes over when restarts do not help; resolves when it is to run again. */
  readonly handOver: (storm: Storm) => Promise<void>;
};

/** `count`: how many there were before it was well again, with this one. */
export type Storm = { readonly component: string; readonly count: number; readonly error: unknown };

/** A component that ran this long is well again: its next fault waits the shortest time. */
const WELL_AFTER_MS = 60_000;
/** So many faults within a minute are a storm: the pauses between them take about half of it. */
const STORM_FAILURES = 10;
const STORM_WITHIN_MS = 60_000;
const HANGS_AFTER_MS = 60_000;

type Status = Omit<Component, "name" | "children">;

/** One component: runs it, and runs it again when it throws, ends or hangs. */
export class Supervised {
  readonly #child: Child;
  readonly #parts: SupervisedParts;
  readonly #failedMs: number[] = [];
  #failures = 0;
  #storms = 0;
  #status: Status;

  constructor(child: Child, parts: SupervisedParts) {
    this.#child = child;
    this.#parts = parts;
    this.#status = { state: "running", since: nowOf(parts.runtime), restarts: 0, lastError: null };
  }

  get component(): Component {
    return { name: this.#child.name, ...this.#status, children: [] };
  }

  /** Ends when the signal aborts and the component has ended, or it has ended by itself and may. Never rejects. */
  async run(): Promise<void> {
    const { runtime, signal } = this.#parts;
    while (!signal.aborted) {
      this.#become({ state: "running" });
      const startedMs = runtime.monotonicMs();
      const error = await this.#live();
      if (signal.aborted || error === undefined) break;
      if (runtime.monotonicMs() - startedMs > WELL_AFTER_MS) this.#failures = this.#storms = 0;
      await this.#recover(error);
    }
    this.#become({ state: "stopped" });
  }

  /** What it failed with; undefined when it ended as it may. One that hangs is left behind, with its signal aborted. */
  async #live(): Promise<unknown> {
    const { runtime, signal } = this.#parts;
    const { hangsAfterMs = HANGS_AFTER_MS } = this.#child;
    const life = new AbortController();
    const end = () => life.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    const pulse = new Pulse();
    const over = new AbortController();
    const hung = pulse.whenHung({ hangsAfterMs, runtime, signal: AbortSignal.any([over.signal, signal]) });
    try {
      return await Promise.race([outcomeOf(this.#child, { signal: life.signal, ...pulse }), hung]);
    } finally {
      over.abort();
      signal.removeEventListener("abort", end);
      life.abort();
    }
  }

  async #recover(error: unknown): Promise<void> {
    const { runtime, log, signal, restarted, handOver } = this.#parts;
    const component = this.#child.name;
    this.#failures += 1;
    const restarts = this.#status.restarts + 1;
    restarted(component);
    if (!this.#isStorm()) {
      this.#become({ state: "restarting", restarts, lastError: String(error) });
      log.error("A component failed and is restarted", { component, error });
      return await runtime.sleep(backoffMs(this.#failures, runtime), { signal }).catch(() => {});
    }
    this.#storms += 1;
    this.#failures = 0;
    this.#become({ state: "held_back", restarts, lastError: String(error) });
    await handOver({ component, count: this.#storms, error });
  }

  #isStorm(): boolean {
    const nowMs = this.#parts.runtime.monotonicMs();
    this.#failedMs.push(nowMs);
    if (this.#failedMs.length < STORM_FAILURES) return false;
    const first = this.#failedMs.shift() ?? nowMs;
    if (nowMs - first > STORM_WITHIN_MS) return false;
    this.#failedMs.length = 0;
    return true;
  }

  #become(change: Partial<Status> & Pick<Status, "state">): void {
    const since = change.state === this.#status.state ? this.#status.since : nowOf(this.#parts.runtime);
    this.#status = { ...this.#status, ...change, since };
  }
}

async function outcomeOf(child: Child, life: Parameters<Child["run"]>[0]): Promise<unknown> {
  try {
    await child.run(life);
    return child.mayEnd ? undefined : new Error(`${child.name} ended although nobody stopped it`);
  } catch (error) {
    return error ?? new Error(`${child.name} failed without saying why`);
  }
}

export function nowOf(runtime: Runtime): string {
  return new Date(runtime.now()).toISOString();
}
