import { z } from "zod";
import { type App, startApp } from "../../core/engine/app.ts";
import {
  type CommandBus,
  commandBusRef,
  type CommandOutcome,
  type CommandRequest,
} from "../../core/engine/command_bus.ts";
import { kernel } from "../../core/engine/kernel.ts";
import { supervision } from "../../core/engine/supervision.ts";
import { type Queries, queriesRef } from "../../core/engine/queries.ts";
import { type FoundModule, parseCommand, type Registry, registryRef } from "../../core/engine/registry.ts";
import type { Fields } from "../../core/model/message.ts";
import type { Module } from "../../core/model/module.ts";
import { changeSourceRef } from "../../core/ports/change_source.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { readModelsRef } from "../../core/ports/read_models.ts";
import { snapshotsRef } from "../../core/ports/snapshots.ts";
import { definePlugin, type Plugin } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { assetRef, type Log, logRef } from "../../core/ports/telemetry.ts";
import cdcStreamer from "../../plugins/cdc_streamer/mod.ts";
import metrics from "../../plugins/metrics/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { sumOf } from "../contract/surroundings.ts";

export type LogLine = { readonly level: string; readonly message: string; readonly fields: Fields };

/** The whole engine over a storage, without a door; what it logs is kept. */
export type Rig = AsyncDisposable & {
  readonly app: App;
  readonly bus: CommandBus;
  readonly queries: Queries;
  readonly registry: Registry;
  readonly storage: MemoryStorage;
  readonly lines: readonly LogLine[];
  execute(request: { module: string; id: string; body: Fields } & Partial<CommandRequest>): Promise<CommandOutcome>;
};

type MemoryStorage = Pick<
  ReturnType<typeof createMemoryStorage>,
  "store" | "source" | "readModels" | "snapshots" | "checkpoints"
>;

export type RigOptions = {
  readonly modules: readonly Module[];
  /** Left out: a new one. The same one again is what another process would find. */
  readonly storage?: MemoryStorage;
  readonly streamer?: boolean;
  readonly runtime?: Runtime;
  readonly environment?: Readonly<Record<string, string>>;
  /** Besides those of every rig. */
  readonly plugins?: readonly Plugin[];
};

export const ANONYMOUS = { sub: "anonymous", claims: {} };

export async function openRig(options: RigOptions): Promise<Rig> {
  const { modules, storage = createMemoryStorage(), streamer = true, runtime = systemRuntime } = options;
  const { plugins: more = [], environment = {} } = options;
  const lines: LogLine[] = [];
  const plugins = [
    keptLog(lines),
    metrics,
    supervision,
    storagePlugin(storage),
    kernel(modules.map(found)),
    ...more,
    ...(streamer ? [cdcStreamer] : []),
  ];
  const app = await startApp({ plugins, environment, runtime });
  const bus = app.service(commandBusRef);
  const registry = app.service(registryRef);
  return {
    app,
    bus,
    registry,
    storage,
    queries: app.service(queriesRef),
    lines,
    async execute({ module, id, body, ...request }) {
      const served = registry.byName.get(module);
      const parsed = served && parseCommand(served, body);
      if (served === undefined || parsed?.is !== "command") throw new Error(`Not a command: ${JSON.stringify(parsed)}`);
      const { command } = parsed;
      const defaults = { principal: ANONYMOUS, correlationId: runtime.newId(), causationId: null };
      return await bus.execute({ ...defaults, ...request, served, id, command });
    },
    [Symbol.asyncDispose]: () => app.stop(),
  };
}

export function found(module: Module): FoundModule {
  return { module, location: `${module.name}/mod.ts`, fingerprint: "test" };
}

function storagePlugin({ store, source, readModels, snapshots, checkpoints }: MemoryStorage): Plugin {
  return definePlugin({
    name: "storage",
    provides: {
      eventStore: eventStoreRef,
      changeSource: changeSourceRef,
      readModels: readModelsRef,
      snapshots: snapshotsRef,
      checkpoints: checkpointStoreRef,
    },
    requires: {},
    config: z.object({}),
    start: () =>
      Promise.resolve({ services: { eventStore: store, changeSource: source, readModels, snapshots, checkpoints } }),
  });
}

/** A log that keeps its lines, to be read by a test. */
function keptLog(lines: LogLine[]): Plugin {
  const at = (level: string) => (message: string, fields: Fields = {}) => void lines.push({ level, message, fields });
  const log: Log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return definePlugin({
    name: "kept_log",
    provides: { log: logRef },
    requires: {},
    config: z.object({}),
    start: () => Promise.resolve({ services: { log } }),
  });
}

/** What `/metrics` would show. */
export async function metricsPage({ app }: Rig): Promise<string> {
  const assets = app.service<readonly { path: string; body(): Promise<string> }[]>({ ref: assetRef.ref });
  return await assets.find(({ path }) => path === "/metrics")?.body() ?? "";
}

/** What `/metrics` would show of one name: the sum over all its labels that match. */
export async function metricOf(rig: Rig, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  return sumOf(await metricsPage(rig), { name, labels });
}
