import type { Hono } from "hono";
import { commandBusRef } from "../../core/engine/command_bus.ts";
import { lifecycleRef } from "../../core/engine/lifecycle.ts";
import { queriesRef } from "../../core/engine/queries.ts";
import { registryRef } from "../../core/engine/registry.ts";
import { isLoopback } from "../../core/engine/loopback.ts";
import { type Authenticator, authenticatorRef } from "../../core/ports/authenticator.ts";
import { brokerRef } from "../../core/ports/broker.ts";
import { changeSourceRef } from "../../core/ports/change_source.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { definePlugin, ref, StartError } from "../../core/ports/plugin.ts";
import { operationRef } from "../../core/ports/operation.ts";
import { type Runtime, runtimeRef } from "../../core/ports/runtime.ts";
import { type Branch, supervisionRef } from "../../core/ports/supervision.ts";
import { assetRef, logRef, telemetryRef } from "../../core/ports/telemetry.ts";
import { tracerRef } from "../../core/ports/tracing.ts";
import { allowOrigins } from "./access/cors.ts";
import { createGates } from "./access/gates.ts";
import { readOperatorToken } from "./access/operator_token.ts";
import { createOperatorApp, createPublicApp } from "./app.ts";
import type { Kernel } from "./call.ts";
import { type Config, config } from "./config.ts";
import { type Door, openDoor } from "./doors.ts";
import { createLimits } from "./limits.ts";
import { createLive } from "./live.ts";
import { Traffic } from "./traffic.ts";

/** The service over HTTP. `fetch` answers as the public door does, without a socket. */
export type Http = {
  readonly publicUrl: string;
  readonly operatorUrl: string;
  readonly fetch: (request: Request) => Promise<Response>;
  /** What each door answers, like `GET /accounts/:id`. */
  readonly routes: { readonly public: readonly string[]; readonly operator: readonly string[] };
};

export const httpRef = ref<Http>("http");

/** What a door serves, and how much of it is under way. */
type Side = { readonly app: Hono; readonly traffic: Traffic };
type Parts = {
  readonly ofPublic: Side;
  readonly ofOperator: Side;
  readonly runtime: Runtime;
  readonly branch: Branch;
  readonly signal: AbortSignal;
};

/**
 * Serves what the registry declares: the public door on HOST:PORT, the operator's on METRICS_HOST:METRICS_PORT. Throws
 * a `StartError` when a door cannot open, or would stand open. Stopping serves on for `DRAIN_MS`, then ends live
 * streams and finishes accepted requests, at most until the stop's signal aborts.
 */
export default definePlugin({
  name: "http",
  provides: { http: httpRef },
  requires: {
    registry: registryRef,
    commandBus: commandBusRef,
    queries: queriesRef,
    store: eventStoreRef,
    changes: changeSourceRef,
    brokers: brokerRef,
    authenticators: authenticatorRef,
    lifecycle: lifecycleRef,
    supervision: supervisionRef,
    runtime: runtimeRef,
    log: logRef,
    telemetry: telemetryRef,
    tracers: tracerRef,
    assets: assetRef,
    operations: operationRef,
  },
  config,
  async start({ services: all, config, signal }) {
    const { assets, operations, supervision, ...others } = all;
    const { brokers: [broker], authenticators: [authenticator], tracers: [tracer], ...services } = others;
    refuseOpenDoor(config, authenticator);
    const token = await readOperatorToken(config);
    if (broker === undefined) services.log.info("There is no broker: this service has no topics");
    const branch = supervision.branch("http");
    const kernel: Kernel = {
      ...services,
      broker,
      tracer,
      authenticator,
      ...createLive({ ...services, branch }, config),
      ...createLimits(services.runtime, config),
      traffic: new Traffic(),
    };
    const { publicGates, operatorGates } = createGates(kernel, { config, token });
    const cors = config.CORS_ORIGINS && allowOrigins(config.CORS_ORIGINS, { kernel, gate: publicGates.document });
    const publicApp = createPublicApp(kernel, { gates: publicGates, cors });
    const traffic = new Traffic();
    const operatorApp = createOperatorApp({ ...kernel, traffic }, { gates: operatorGates, assets, operations });
    const { publicDoor, operatorDoor } = await openDoors(config, {
      ofPublic: { app: publicApp, traffic: kernel.traffic },
      ofOperator: { app: operatorApp, traffic },
      ...{ runtime: kernel.runtime, branch, signal },
    });
    return {
      services: {
        http: {
          publicUrl: publicDoor.url,
          operatorUrl: operatorDoor.url,
          fetch: async (request) => await publicApp.fetch(request),
          routes: { public: routesOf(publicApp), operator: routesOf(operatorApp) },
        },
      },
      async stop(signal) {
        // `/readyz` answers 503 by now: until whoever balances the load has noticed, requests still find an open door.
        await kernel.runtime.sleep(config.DRAIN_MS, { signal }).catch(() => {});
        kernel.live.close();
        await Promise.all([publicDoor.stop(signal), operatorDoor.stop(signal)]);
        kernel.bodyDeadlines.stop();
        kernel.commandDeadlines.stop();
      },
    };
  },
});

function refuseOpenDoor({ HOST, AUTH }: Config, authenticator: Authenticator | undefined): void {
  if (AUTH === "jwt" && authenticator === undefined) {
    throw new StartError("Cannot serve with AUTH=jwt: no plugin here checks tokens; add plugins/auth_jwt to main.ts");
  }
  if (isLoopback(HOST) || AUTH !== undefined) return;
  throw new StartError(
    `Cannot serve HOST=${HOST} without authentication: set AUTH=jwt to ask for tokens, AUTH=none to let everybody ` +
      "in, or HOST=127.0.0.1",
  );
}

function routesOf({ routes }: Hono): readonly string[] {
  return routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
}

async function openDoors(
  { HOST, PORT, METRICS_HOST, METRICS_PORT }: Config,
  { ofPublic, ofOperator, runtime, branch, signal }: Parts,
): Promise<{ publicDoor: Door; operatorDoor: Door }> {
  const publicDoor = await openDoor({
    ...{ name: "public_door", hostname: HOST, port: PORT, variables: { hostname: "HOST", port: "PORT" } },
    ...{ fetch: ofPublic.app.fetch, traffic: ofPublic.traffic, runtime, branch },
  });
  try {
    const operatorDoor = await openDoor({
      ...{ name: "operator_door", hostname: METRICS_HOST, port: METRICS_PORT },
      variables: { hostname: "METRICS_HOST", port: "METRICS_PORT" },
      ...{ fetch: ofOperator.app.fetch, traffic: ofOperator.traffic, runtime, branch },
    });
    return { publicDoor, operatorDoor };
  } catch (error) {
    await publicDoor.stop(signal);
    throw error;
  }
}
