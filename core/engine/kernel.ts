import { z } from "zod";
import { aborted } from "./aborted.ts";
import { eventStoreRef } from "../ports/event_store.ts";
import { definePlugin } from "../ports/plugin.ts";
import { type ReadModels, readModelsRef } from "../ports/read_models.ts";
import { runtimeRef } from "../ports/runtime.ts";
import { snapshotsRef } from "../ports/snapshots.ts";
import { subscriberRef } from "../ports/subscriber.ts";
import { logRef, telemetryRef } from "../ports/telemetry.ts";
import { tracerRef } from "../ports/tracing.ts";
import { AggregateLoader } from "./aggregate.ts";
import { commandBusRef } from "./command_bus.ts";
import { createCommandMetrics } from "./command_metrics.ts";
import { CommandQueue } from "./command_queue.ts";
import { RequestLog, requestLogRef } from "./request_log.ts";
import { OrderBook } from "./subscription_orders.ts";
import { lifecycleRef } from "./lifecycle.ts";
import { LIVE_CACHE_BYTES, LiveCache } from "./live_cache.ts";
import { Demand } from "./demand.ts";
import { createProjector } from "./projector.ts";
import { createQueries, queriesRef } from "./queries.ts";
import { createRegistry, type FoundModule, registryRef, type ServedView } from "./registry.ts";
import { tracedBus, tracedStore } from "./traced_commands.ts";

const bytes = z.string().regex(/^[1-9][0-9]{0,14}$/, "expected a whole number of bytes, 1 or more").transform(Number);

/**
 * What stands between the doors and the storage: the registry, the command bus, queries and a subscriber per view. A
 * stop leaves commands behind that are not answered when it is late: their outcome is unknown, as after a kill.
 */
export function kernel(found: readonly FoundModule[]) {
  const registry = createRegistry(found);
  return definePlugin({
    name: "kernel",
    /** A read model with a new index over many documents is not served before it has them all. */
    startTimeoutMs: Infinity,
    provides: {
      registry: registryRef,
      commandBus: commandBusRef,
      queries: queriesRef,
      projectors: subscriberRef,
      requests: requestLogRef,
    },
    requires: {
      store: eventStoreRef,
      snapshots: snapshotsRef,
      readModels: readModelsRef,
      runtime: runtimeRef,
      log: logRef,
      telemetry: telemetryRef,
      tracers: tracerRef,
      lifecycle: lifecycleRef,
    },
    config: z.object({
      /** Bytes of folded states kept in memory. */
      LIVE_CACHE_BYTES: bytes.default(LIVE_CACHE_BYTES),
    }),
    async start({ services: { tracers: [tracer], ...services }, config, signal }) {
      const { store, snapshots, readModels, runtime, log, telemetry, lifecycle: { stopping } } = services;
      const loader = new AggregateLoader({ store, snapshots, log });
      const cache = new LiveCache(config.LIVE_CACHE_BYTES);
      const metrics = createCommandMetrics(telemetry, runtime);
      const appending = tracer === undefined ? store : tracedStore(store, tracer);
      const queue = new CommandQueue({ store: appending, loader, cache, runtime, log, metrics });
      const demand = new Demand(runtime);
      const views = [...registry.views.values()];
      await prepareAll(views, { readModels, signal });
      return {
        services: {
          registry,
          commandBus: tracer === undefined ? queue : tracedBus(queue, tracer),
          queries: createQueries({ registry, store, loader, cache, readModels, runtime, demand, stopping }),
          requests: new RequestLog({ store, runtime, book: new OrderBook() }),
          projectors: views.map((view) => createProjector(view, { readModels, demand })),
        },
        stop: (late) => Promise.race([queue.whenIdle(), aborted(late)]),
      };
    },
  });
}

/** A stop does not wait for what is not begun. */
async function prepareAll(
  views: readonly ServedView[],
  { readModels, signal }: { readonly readModels: ReadModels; readonly signal: AbortSignal },
): Promise<void> {
  for (const { model } of views) {
    signal.throwIfAborted();
    await readModels.prepare(model);
  }
}
