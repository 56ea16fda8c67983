import type { Runtime } from "../ports/runtime.ts";
import type { Branch, Child, Component, Supervision } from "../ports/supervision.ts";
import type { Log, Telemetry } from "../ports/telemetry.ts";
import { aborted } from "./aborted.ts";
import { nowOf, type Storm, Supervised } from "./supervised.ts";

export type SupervisorParts = { readonly runtime: Runtime; readonly log: Log; readonly telemetry: Telemetry };

/** How long a component that keeps failing is held back: doubled with each storm that follows, up to the longest. */
const HOLD_MS = 60_000;
const LONGEST_HOLD_MS = 600_000;

/**
 * Runs components side by side and restarts the one that throws, ends or hangs, after a pause that grows; the others do
 * not notice. One that keeps failing is handed to its parent, the supervisor of its branch, which holds it back for a
 * while before it begins again: so a fault that lasts costs little, and heals by itself once it is mended.
 */
export class Supervisor implements Supervision, Branch {
  readonly #name: string;
  readonly #parts: SupervisorParts;
  readonly #restarted: (component: string) => void;
  readonly #stopping = new AbortController();
  readonly #branches = new Map<string, Supervisor>();
  readonly #children = new Map<string, Supervised>();
  readonly #running = new Set<Promise<void>>();
  readonly #startedAt: string;
  #storms = 0;
  #lastError: string | null = null;

  constructor(name: string, parts: SupervisorParts) {
    this.#name = name;
    this.#parts = parts;
    this.#startedAt = nowOf(parts.runtime);
    const restarts = parts.telemetry.counter({
      name: "supervisor_restarts_total",
      help: "Restarts of supervised components; of a branch: children handed to it because they kept failing",
      labels: ["component"],
    });
    this.#restarted = (component) => restarts.at({ component }).add();
  }

  /** The same one for the same name. */
  branch(name: string): Supervisor {
    const known = this.#branches.get(name);
    if (known !== undefined) return known;
    const branch = new Supervisor(name, this.#parts);
    this.#branches.set(name, branch);
    return branch;
  }

  start(child: Child): Promise<void> {
    const { runtime, log } = this.#parts;
    const { signal: stopping } = this.#stopping;
    const signal = child.until === undefined ? stopping : AbortSignal.any([stopping, child.until]);
    const handOver = (storm: Storm) => this.#holdBack(storm, signal);
    const supervised = new Supervised(child, { runtime, log, signal, restarted: this.#restarted, handOver });
    this.#children.set(child.name, supervised);
    const running = supervised.run().finally(() => {
      this.#running.delete(running);
      if (!stopping.aborted && this.#children.get(child.name) === supervised) this.#children.delete(child.name);
    });
    this.#running.add(running);
    return running;
  }

  tree(): Component {
    const parts = [...this.#branches.values()].map((branch) => branch.tree());
    return {
      name: this.#name,
      state: this.#stopping.signal.aborted ? "stopped" : "running",
      since: this.#startedAt,
      restarts: this.#storms,
      lastError: this.#lastError,
      children: [...parts, ...[...this.#children.values()].map(({ component }) => component)],
    };
  }

  async stop(late: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const ended = Promise.all([...this.#running, ...[...this.#branches.values()].map((branch) => branch.stop(late))]);
    await Promise.race([ended, aborted(late)]);
    const left = [...this.#children.values()].map(({ component }) => component)
      .flatMap(({ name, state }) => state === "stopped" ? [] : name);
    if (left.length > 0) this.#parts.log.warn("Components that did not end are left behind", { components: left });
  }

  async #holdBack({ component, count, error }: Storm, signal: AbortSignal): Promise<void> {
    const { runtime, log } = this.#parts;
    const pauseMs = Math.min(HOLD_MS * 2 ** (count - 1), LONGEST_HOLD_MS);
    this.#storms += 1;
    this.#lastError = `${component}: ${error}`;
    this.#restarted(this.#name);
    const fields = { component, parent: this.#name, pause_seconds: pauseMs / 1_000, error };
    log.error("A component keeps failing; its parent holds it back for a while", fields);
    await runtime.sleep(pauseMs, { signal }).catch(() => {});
  }
}
