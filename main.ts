import { startApp } from "./core/engine/app.ts";
import type { Environment } from "./core/engine/configuration.ts";
import { kernel } from "./core/engine/kernel.ts";
import type { FoundModule } from "./core/engine/registry.ts";
import { supervision } from "./core/engine/supervision.ts";
import { type Plugin, StartError } from "./core/ports/plugin.ts";
import { logRef } from "./core/ports/telemetry.ts";
import authJwt from "./plugins/auth_jwt/mod.ts";
import brokerLocal from "./plugins/broker_local/mod.ts";
import cdcStreamer from "./plugins/cdc_streamer/mod.ts";
import handlers from "./plugins/handlers/mod.ts";
import health from "./plugins/health/mod.ts";
import http, { httpRef } from "./plugins/http/mod.ts";
import { welcome } from "./plugins/http/welcome.ts";
import logging from "./plugins/logging/mod.ts";
import metrics from "./plugins/metrics/mod.ts";
import operations from "./plugins/operations/mod.ts";
import publisher from "./plugins/publisher/mod.ts";
import { discoverModules, modulesDirectory } from "./plugins/runtime/discover_modules.ts";
import { systemRuntime } from "./plugins/runtime/mod.ts";
import { stopSignal } from "./plugins/runtime/stop_signal.ts";
import storageSqlite from "./plugins/storage_sqlite/mod.ts";
import tracing from "./plugins/tracing/mod.ts";
import watchdog from "./plugins/watchdog/mod.ts";
import webhook from "./plugins/webhook/mod.ts";

if (import.meta.main) {
  const signal = stopSignal();
  const stopped = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  try {
    const environment = Deno.env.toObject();
    const modules = await Promise.race([discoverModules(modulesDirectory(environment)), stopped]);
    const plugins = servicePlugins(modules, await dataPlugins(environment));
    const app = await startApp({ plugins, environment, runtime: systemRuntime, signal });
    app.service(logRef).info("started", Object.fromEntries(app.boot.map(({ plugin, ms }) => [plugin, Math.round(ms)])));
    console.log(welcome(app.service(httpRef)));
    await stopped.catch(() => {});
    await app.stop();
    Deno.exit(0);
  } catch (error) {
    if (signal.aborted && error === signal.reason) Deno.exit(0);
    console.error(error instanceof StartError ? `annals: ${error.message}` : error);
    Deno.exit(error instanceof StartError ? error.exitCode : 1);
  }
}

/** Everything in the service, given its modules and what keeps its data. */
export function servicePlugins(modules: readonly FoundModule[], data: readonly Plugin[]): readonly Plugin[] {
  const watching = [logging, metrics, tracing, supervision, watchdog, health, authJwt];
  return [...watching, ...data, kernel(modules), webhook, handlers, cdcStreamer, operations, http];
}

/** Drivers are loaded only where they are used. */
export async function dataPlugins(environment: Environment): Promise<readonly Plugin[]> {
  const { SCYLLA_NODES: nodes, REDPANDA_BROKERS: brokers, ROLES: roles } = environment;
  if (nodes === undefined && roles !== undefined) {
    throw new StartError(`Cannot take ROLES=${roles} without SCYLLA_NODES: one process does it all; unset ROLES`);
  }
  const storage = nodes === undefined ? storageSqlite : (await import("./plugins/storage_scylla/mod.ts")).default;
  if (brokers === undefined) return nodes === undefined ? [storage, brokerLocal] : [storage];
  return [storage, (await import("./plugins/broker_kafka/mod.ts")).default, publisher];
}
