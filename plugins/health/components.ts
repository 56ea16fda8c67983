import type { Phase } from "../../core/engine/lifecycle.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { Component, ComponentState } from "../../core/ports/supervision.ts";

/** From the best to the worst: the place of each is its value in `actor_health_status`. */
export const STANDINGS = ["healthy", "degraded", "unhealthy"] as const;
export type Standing = typeof STANDINGS[number];

export type Finding = {
  readonly status: Standing;
  readonly reason?: string | undefined;
  readonly detail?: Health["detail"] | undefined;
};

export type Sources = { readonly phase: Phase; readonly healths: ReadonlyMap<string, Health> };

const OF_HEALTH: Readonly<Record<Health["status"], Standing>> = {
  pass: "healthy",
  warn: "degraded",
  fail: "unhealthy",
};
const OF_STATE: Readonly<Record<ComponentState, Standing>> = {
  running: "healthy",
  restarting: "degraded",
  held_back: "unhealthy",
  stopped: "unhealthy",
};

/** The app itself, each plugin that has a health, and each component of the tree but its root. */
export function componentsOf({ phase, healths, tree }: Sources & { readonly tree: Component }): Map<string, Finding> {
  const app: Finding = phase === "ready" ? { status: "healthy" } : { status: "unhealthy", reason: phase };
  const found = new Map([["app", app]]);
  for (const [name, { status, reason, detail }] of healths) {
    found.set(name, { status: OF_HEALTH[status], reason, detail });
  }
  const visit = (component: Component) => {
    const { name } = component;
    const [own, known] = [findingOf(component), found.get(name)];
    found.set(name, known === undefined || worse(own.status, known.status) ? { ...known, ...own } : known);
    component.children.forEach(visit);
  };
  tree.children.forEach(visit);
  return found;
}

/**
 * What `/readyz` answers, in other words, but that no component may be ill in a whole that is healthy: who fails as a
 * whole says so itself.
 */
export function overallOf(components: ReadonlyMap<string, Finding>, { phase, healths }: Sources): Standing {
  const fails = phase !== "ready" || [...healths.values()].some(({ status }) => status === "fail");
  if (fails) return "unhealthy";
  return [...components.values()].every(({ status }) => status === "healthy") ? "healthy" : "degraded";
}

/** A branch is as good as its children, and no worse than degraded by them. */
function findingOf({ state, lastError, children }: Component): Finding {
  if (state !== "running") return { status: OF_STATE[state], reason: lastError ?? state };
  const ill = children.filter((child) => findingOf(child).status !== "healthy").map(({ name }) => name);
  return ill.length === 0 ? { status: "healthy" } : { status: "degraded", reason: `not healthy: ${ill.join(", ")}` };
}

function worse(left: Standing, right: Standing): boolean {
  return STANDINGS.indexOf(left) > STANDINGS.indexOf(right);
}
