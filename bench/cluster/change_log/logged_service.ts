import { startApp } from "../../../core/engine/app.ts";
import { kernel } from "../../../core/engine/kernel.ts";
import { supervision } from "../../../core/engine/supervision.ts";
import cdcStreamer from "../../../plugins/cdc_streamer/mod.ts";
import handlers from "../../../plugins/handlers/mod.ts";
import health from "../../../plugins/health/mod.ts";
import http, { httpRef } from "../../../plugins/http/mod.ts";
import logging from "../../../plugins/logging/mod.ts";
import metrics from "../../../plugins/metrics/mod.ts";
import operations from "../../../plugins/operations/mod.ts";
import { discoverModules, modulesDirectory } from "../../../plugins/runtime/discover_modules.ts";
import { systemRuntime } from "../../../plugins/runtime/mod.ts";
import { stopSignal } from "../../../plugins/runtime/stop_signal.ts";
import tracing from "../../../plugins/tracing/mod.ts";
import watchdog from "../../../plugins/watchdog/mod.ts";
import webhook from "../../../plugins/webhook/mod.ts";
import { loggedStorage } from "./logged_storage.ts";

/** The service as `main.ts` puts it together, but for where its log of changes is kept. */
const signal = stopSignal();
const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

const environment = Deno.env.toObject();
const modules = await discoverModules(modulesDirectory(environment));
const watching = [logging, metrics, tracing, supervision, watchdog, health];
const outside = [webhook, handlers];
const plugins = [...watching, loggedStorage, kernel(modules), ...outside, cdcStreamer, operations, http];
const app = await startApp({ plugins, environment, runtime: systemRuntime, signal });
const { publicUrl, operatorUrl } = app.service(httpRef);
console.log(`service ${publicUrl}\n operators ${operatorUrl}/metrics\n`);
await stopped;
await app.stop();
Deno.exit(0);
