import { startApp } from "../../../core/engine/app.ts";
import { servicePlugins } from "../../../main.ts";
import { httpRef } from "../../../plugins/http/mod.ts";
import { discoverModules, modulesDirectory } from "../../../plugins/runtime/discover_modules.ts";
import { systemRuntime } from "../../../plugins/runtime/mod.ts";
import { stopSignal } from "../../../plugins/runtime/stop_signal.ts";
import { loggedStorage } from "./logged_storage.ts";

/** The service as `main.ts` puts it together, but for where its log of changes is kept. */
const signal = stopSignal();
const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

const environment = Deno.env.toObject();
const modules = await discoverModules(modulesDirectory(environment));
const plugins = servicePlugins(modules, [loggedStorage]);
const app = await startApp({ plugins, environment, runtime: systemRuntime, signal });
const { publicUrl, operatorUrl } = app.service(httpRef);
console.log(`service ${publicUrl}\n operators ${operatorUrl}/metrics\n`);
await stopped;
await app.stop();
Deno.exit(0);
