import { z } from "zod";
import { definePlugin, type Health } from "../ports/plugin.ts";
import { runtimeRef } from "../ports/runtime.ts";
import { type Component, supervisionRef } from "../ports/supervision.ts";
import { logRef, telemetryRef } from "../ports/telemetry.ts";
import { Supervisor } from "./supervisor.ts";

/** The root of the tree on which everything runs that runs by itself; it stops after all that is on it. */
export const supervision = definePlugin({
  name: "supervision",
  provides: { supervision: supervisionRef },
  requires: { runtime: runtimeRef, log: logRef, telemetry: telemetryRef },
  config: z.object({}),
  start({ services }) {
    const root = new Supervisor("root", services);
    return Promise.resolve({
      services: { supervision: root },
      health: () => healthOf(root.tree()),
      stop: (late) => root.stop(late),
    });
  },
});

/** A component that fails is a warning: the others go on, and each plugin says itself when it cannot serve. */
function healthOf(root: Component): Health {
  const reasons = ailing(root).map(({ name, state, restarts, lastError }) =>
    state === "held_back"
      ? `${name} keeps failing and is held back (${restarts} restarts): ${lastError}`
      : `${name} is restarted (${restarts}): ${lastError}`
  );
  return reasons.length === 0 ? { status: "pass" } : { status: "warn", reason: reasons.join("; ") };
}

function ailing(component: Component): readonly Component[] {
  const own = component.state === "restarting" || component.state === "held_back" ? [component] : [];
  return [...own, ...component.children.flatMap(ailing)];
}
