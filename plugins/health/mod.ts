import { z } from "zod";
import { lifecycleRef } from "../../core/engine/lifecycle.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { type Component, supervisionRef } from "../../core/ports/supervision.ts";
import { assetRef, logRef, telemetryRef } from "../../core/ports/telemetry.ts";
import { STANDINGS } from "./components.ts";
import { eventLoopSampler } from "./event_loop.ts";
import { HealthMonitor, type Report } from "./health_monitor.ts";

const LOOK_EVERY_MS = 10_000;

/**
 * Looks every 10 s at how each component is, and whenever somebody asks: at `/health` of the operator's door, which
 * tells it all, and in `actor_health_status`. How late the event loop is, is in `event_loop_lag_seconds`.
 */
export default definePlugin({
  name: "health",
  provides: { assets: assetRef },
  requires: {
    lifecycle: lifecycleRef,
    supervision: supervisionRef,
    runtime: runtimeRef,
    log: logRef,
    telemetry: telemetryRef,
  },
  config: z.object({}),
  start({ services }) {
    const { supervision, runtime, telemetry } = services;
    const monitor = new HealthMonitor(services);
    const help = "0: healthy, 1: degraded, 2: unhealthy";
    telemetry.gauge({ name: "actor_health_status", help, labels: ["component"] }, () => {
      return [...monitor.look().components].map(([component, { status }]) => ({
        labels: { component },
        value: STANDINGS.indexOf(status),
      }));
    });
    const branch = supervision.branch("health");
    branch.start({
      name: "health_monitor",
      async run({ signal, beat }) {
        while (!signal.aborted) {
          beat();
          monitor.look();
          await runtime.sleep(LOOK_EVERY_MS, { signal }).catch(() => {});
        }
      },
    });
    branch.start(eventLoopSampler(telemetry, runtime));
    const body = () => Promise.resolve(JSON.stringify(toJson(monitor.look(), supervision.tree())));
    return Promise.resolve({
      services: { assets: [{ path: "/health", contentType: "application/json", body }] },
      stop: (late) => branch.stop(late),
    });
  },
});

function toJson({ status, since, components }: Report, tree: Component) {
  return { status, since, components: Object.fromEntries(components), tree: treeToJson(tree) };
}

function treeToJson({ name, state, since, restarts, lastError, children }: Component): Record<string, unknown> {
  return { name, state, since, restarts, last_error: lastError, children: children.map(treeToJson) };
}
