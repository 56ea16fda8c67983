import { type Health, type Plugin, type Ref, type Refs, StartError } from "../ports/plugin.ts";
import { type Runtime, runtimeRef } from "../ports/runtime.ts";
import { type Environment, readConfiguration } from "./configuration.ts";
import { startOrder } from "./graph.ts";
import { type Lifecycle, lifecycleRef, type Phase } from "./lifecycle.ts";

export type AppOptions = {
  readonly plugins: readonly Plugin[];
  readonly environment: Environment;
  readonly runtime: Runtime;
  /** Gives the start up; what had started is stopped again. */
  readonly signal?: AbortSignal;
  /** How long each plugin may take to start, 30 s when left out. */
  readonly startTimeoutMs?: number;
};

export type App = {
  service<T>(ref: Ref<T>): T;
  /** Which plugin started when, in this order. */
  readonly boot: readonly { readonly plugin: string; readonly ms: number }[];
  /** Stops every plugin in reverse order of start, once; rejects with all that went wrong. */
  stop(): Promise<void>;
};

type Services = Map<string, unknown>;
type Started = Awaited<ReturnType<Plugin["start"]>>;

const START_TIMEOUT_MS = 30_000;
/** For all plugins together: then each is told to hurry, and a moment later left behind. */
const STOP_TIMEOUT_MS = 8_000;
const LAST_MOMENT_MS = 1_000;

/**
 * Checks all configuration and the graph of services first, then starts the plugins one after the other in the order
 * of their needs. When one fails or takes too long, those that had started are stopped again and a `StartError` tells.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const { runtime } = options;
  const services: Services = new Map();
  const healths = new Map<string, () => Health>();
  let phase: Phase = "starting";
  let deadline: Deadline | undefined;
  const lifecycle: Lifecycle = {
    phase: () => phase,
    health: () => new Map([...healths].map(([name, health]) => [name, health()])),
  };
  services.set(runtimeRef.ref, runtime).set(lifecycleRef.ref, lifecycle);

  const ordered = startOrder(options.plugins, new Set(services.keys()));
  const configurations = readConfiguration(ordered, options.environment);
  const stack = new AsyncDisposableStack();
  const boot: { plugin: string; ms: number }[] = [];
  const dispose = async () => {
    try {
      await stack.disposeAsync();
    } finally {
      deadline?.done();
    }
  };
  try {
    for (const plugin of ordered) {
      const sinceMs = runtime.monotonicMs();
      const started = await startPlugin(plugin, { ...options, services, config: configurations.get(plugin) ?? {} });
      boot.push({ plugin: plugin.name, ms: runtime.monotonicMs() - sinceMs });
      stack.defer(() => stopPlugin(plugin, started, deadline ??= beginDeadline(runtime)));
      if (started.health !== undefined) healths.set(plugin.name, started.health);
      publish(plugin, started, services);
    }
  } catch (error) {
    phase = "stopping";
    await dispose();
    throw error;
  }
  phase = "ready";
  let stopped: Promise<void> | undefined;
  return {
    boot,
    service<T>({ ref }: Ref<T>) {
      if (!services.has(ref)) throw new TypeError(`No plugin provides the service "${ref}"`);
      return services.get(ref) as T;
    },
    stop() {
      phase = "stopping";
      return stopped ??= dispose();
    },
  };
}

async function startPlugin(
  plugin: Plugin,
  { services, config, runtime, signal, startTimeoutMs = START_TIMEOUT_MS }: AppOptions & {
    readonly services: Services;
    readonly config: Readonly<Record<string, unknown>>;
  },
): Promise<Started> {
  signal?.throwIfAborted();
  const given = new AbortController();
  const giveUp = () => given.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const starting = plugin.start({ services: gather(plugin.requires, services), config, signal: given.signal });
  const waited = new AbortController();
  const late = runtime.sleep(startTimeoutMs, { signal: AbortSignal.any([waited.signal, given.signal]) }).then(() => {
    throw new StartError(`The plugin ${plugin.name} did not start within ${startTimeoutMs} ms`);
  });
  try {
    return await Promise.race([starting, late]);
  } catch (error) {
    given.abort(error);
    stopWhenStarted(plugin, starting, runtime);
    throw error;
  } finally {
    waited.abort();
    late.catch(() => {});
    signal?.removeEventListener("abort", giveUp);
  }
}

/** A start that was given up may still come to an end: then nothing of it may be left behind. */
function stopWhenStarted(plugin: Plugin, starting: Promise<Started>, runtime: Runtime): void {
  starting.then(async (started) => {
    const deadline = beginDeadline(runtime);
    await stopPlugin(plugin, started, deadline).finally(deadline.done);
  }).catch(() => {});
}

/** `late` aborts when time is short, and rejects when it is over. */
type Deadline = { readonly late: AbortSignal; readonly over: Promise<never>; readonly done: () => void };

function beginDeadline(runtime: Runtime): Deadline {
  const late = new AbortController();
  const done = new AbortController();
  const { signal } = done;
  const over = runtime.sleep(STOP_TIMEOUT_MS, { signal }).then(async () => {
    late.abort();
    await runtime.sleep(LAST_MOMENT_MS, { signal });
    throw new Error(`it took longer than ${STOP_TIMEOUT_MS + LAST_MOMENT_MS} ms`);
  });
  over.catch(() => {});
  return { late: late.signal, over, done: () => done.abort() };
}

async function stopPlugin(plugin: Plugin, { stop }: Started, { late, over }: Deadline): Promise<void> {
  try {
    if (stop !== undefined) await Promise.race([stop(late), over]);
  } catch (error) {
    throw new Error(`The plugin ${plugin.name} did not stop cleanly`, { cause: error });
  }
}

function gather(refs: Refs, services: Services): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(refs).map(([name, { ref, many }]) => [name, services.get(ref) ?? (many ? [] : undefined)]),
  );
}

function publish(plugin: Plugin, started: Started, services: Services): void {
  for (const [name, { ref, many }] of Object.entries(plugin.provides)) {
    const service = started.services[name];
    if (many !== true) services.set(ref, service);
    else services.set(ref, [...(services.get(ref) as unknown[] | undefined ?? []), ...service as unknown[]]);
  }
}
