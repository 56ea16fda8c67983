import type { Lifecycle } from "../../core/engine/lifecycle.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Supervision } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { componentsOf, type Finding, overallOf, type Standing } from "./components.ts";

export type MonitorParts = {
  readonly lifecycle: Lifecycle;
  readonly supervision: Supervision;
  readonly runtime: Pick<Runtime, "now">;
  readonly log: Log;
};

/** How a component is, and since when it has been so. */
export type ComponentHealth = Finding & { readonly since: string };

export type Report = {
  readonly status: Standing;
  readonly since: string;
  readonly components: ReadonlyMap<string, ComponentHealth>;
};

/** The name under which the whole is remembered; no component has an empty one. */
const OVERALL = "";

/** Remembers since when each component is as it is, and logs what has changed between two looks. */
export class HealthMonitor {
  readonly #parts: MonitorParts;
  #known: ReadonlyMap<string, ComponentHealth> = new Map();
  #wasReady = false;

  constructor(parts: MonitorParts) {
    this.#parts = parts;
  }

  look(): Report {
    const { lifecycle, supervision, runtime } = this.#parts;
    const phase = lifecycle.phase();
    const found = componentsOf({ phase, healths: lifecycle.health(), tree: supervision.tree() });
    const overall: Finding = { status: overallOf(found, { phase, healths: lifecycle.health() }) };
    const now = new Date(runtime.now()).toISOString();
    const before = this.#known;
    const known = new Map([...found, [OVERALL, overall] as const].map(([name, finding]) => {
      const earlier = before.get(name);
      return [name, { ...finding, since: earlier?.status === finding.status ? earlier.since : now }] as const;
    }));
    this.#known = known;
    // That the service itself is not ready while it starts or stops is no news.
    if (phase === "ready") this.#report(this.#wasReady ? before : new Map());
    this.#wasReady = phase === "ready";
    const { status, since } = known.get(OVERALL) ?? { status: overall.status, since: now };
    return { status, since, components: new Map([...known].filter(([name]) => name !== OVERALL)) };
  }

  #report(before: ReadonlyMap<string, ComponentHealth>): void {
    const { log } = this.#parts;
    for (const [component, { status, reason }] of this.#known) {
      const earlier = before.get(component)?.status ?? "healthy";
      if (component === OVERALL || earlier === status) continue;
      if (status === "healthy") log.info("A component is healthy again", { component });
      else log.warn("A component is not healthy", { component, status, reason });
    }
  }
}
