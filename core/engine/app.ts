import { type Health, type Plugin, type Ref, type Refs, StartError } from "../ports/plugin.ts";
import { type Runtime, runtimeRef } from "../ports/runtime.ts";
import { type Environment, readConfiguration } from "./configuration.ts";
import { startOrder } from "./graph.ts";
import { beginDeadline, type Deadline } from "./deadline.ts";
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
/** How long a start that is given up from outside has to undo what it was at: well within what a stop may take. */
const GIVE_UP_MS = 7_000;

/**
 * Checks all configuration and the graph of services first, then starts the plugins one after the other in the order
 * of their needs. When one fails or takes too long, those that had started are stopped again and a `StartError` tells.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const app = new StartedApp(options.runtime);
  const ordered = startOrder(options.plugins, app.builtIn);
  const configurations = readConfiguration(ordered, options.environment);
  try {
    for (const plugin of ordered) await app.start(plugin, { ...options, config: configurations.get(plugin) ?? {} });
  } catch (error) {
    await app.stop().catch((unwinding: unknown) => {
      throw new AggregateError([error, unwinding], `${String(error)}; and what had started did not stop cleanly`);
    });
    throw error;
  }
  app.phase = "ready";
  return app;
}

type StartOptions = AppOptions & { readonly config: Readonly<Record<string, unknown>> };

class StartedApp implements App {
  phase: Phase = "starting";
  readonly boot: { plugin: string; ms: number }[] = [];
  readonly builtIn: ReadonlySet<string>;
  readonly #runtime: Runtime;
  readonly #services: Services = new Map();
  readonly #healths = new Map<string, () => Health>();
  readonly #stack = new AsyncDisposableStack();
  readonly #stopping = new AbortController();
  #deadline: Deadline | undefined;
  #stopped: Promise<void> | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    const lifecycle: Lifecycle = {
      phase: () => this.phase,
      stopping: this.#stopping.signal,
      health: () => new Map([...this.#healths].map(([name, health]) => [name, told(health)])),
    };
    this.#services.set(runtimeRef.ref, runtime).set(lifecycleRef.ref, lifecycle);
    this.builtIn = new Set(this.#services.keys());
  }

  service<T>({ ref }: Ref<T>): T {
    if (!this.#services.has(ref)) throw new TypeError(`No plugin provides the service "${ref}"`);
    return this.#services.get(ref) as T;
  }

  async start(plugin: Plugin, options: StartOptions): Promise<void> {
    const sinceMs = this.#runtime.monotonicMs();
    const leave = (ending: Promise<void>) => {
      this.#stack.defer(() => {
        this.#deadline ??= beginDeadline(this.#runtime);
        return untilGivenUp(ending, this.#runtime);
      });
    };
    const started = await startPlugin(plugin, { ...options, services: this.#services, leave });
    this.boot.push({ plugin: plugin.name, ms: this.#runtime.monotonicMs() - sinceMs });
    this.#stack.defer(() => stopPlugin(plugin, started, this.#deadline ??= beginDeadline(this.#runtime)));
    if (started.health !== undefined) this.#healths.set(plugin.name, started.health);
    publish(plugin, started, this.#services);
  }

  stop(): Promise<void> {
    this.phase = "stopping";
    this.#stopping.abort();
    return this.#stopped ??= this.#stack.disposeAsync().catch(throwAll).finally(() => this.#deadline?.done());
  }
}

type PluginStart = StartOptions & {
  readonly services: Services;
  /** Takes what is left of a start that was given up from outside. */
  readonly leave: (ending: Promise<void>) => void;
};

async function startPlugin(
  plugin: Plugin,
  { services, config, runtime, signal, leave, startTimeoutMs = START_TIMEOUT_MS }: PluginStart,
): Promise<Started> {
  signal?.throwIfAborted();
  const given = new AbortController();
  const giveUp = () => given.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const starting = plugin.start({ services: gather(plugin.requires, services), config, signal: given.signal });
  const waited = new AbortController();
  const late = whenLate(plugin, { startTimeoutMs, runtime, signal: AbortSignal.any([waited.signal, given.signal]) });
  try {
    return await Promise.race([starting, late]);
  } catch (error) {
    given.abort(error);
    const ending = stopWhenStarted(plugin, starting, runtime);
    if (signal?.aborted) leave(ending);
    throw error;
  } finally {
    waited.abort();
    late.catch(() => {});
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Rejects when the plugin has taken too long, or the signal aborts. */
async function whenLate(
  { name, startTimeoutMs: own }: Plugin,
  { startTimeoutMs, runtime, signal }: { startTimeoutMs: number; runtime: Runtime; signal: AbortSignal },
): Promise<never> {
  const timeoutMs = own ?? startTimeoutMs;
  if (timeoutMs === Infinity) {
    return await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
  await runtime.sleep(timeoutMs, { signal });
  throw new StartError(`The plugin ${name} did not start within ${timeoutMs} ms`);
}

/** A start that was given up may still come to an end: then nothing of it may be left behind. */
function stopWhenStarted(plugin: Plugin, starting: Promise<Started>, runtime: Runtime): Promise<void> {
  return starting.then(async (started) => {
    const deadline = beginDeadline(runtime);
    await stopPlugin(plugin, started, deadline).finally(deadline.done);
  }).catch(() => {});
}

/** What others wait for is given back by then, such as a lease; a start that hangs keeps nobody from ending. */
async function untilGivenUp(ending: Promise<void>, runtime: Runtime): Promise<void> {
  const given = new AbortController();
  try {
    await Promise.race([ending, runtime.sleep(GIVE_UP_MS, { signal: given.signal })]);
  } finally {
    given.abort();
  }
}

async function stopPlugin(plugin: Plugin, { stop }: Started, { late, over }: Deadline): Promise<void> {
  try {
    if (stop !== undefined) await Promise.race([stop(late), over]);
  } catch (error) {
    throw new Error(`The plugin ${plugin.name} did not stop cleanly`, { cause: error });
  }
}

/** Each error by itself: of a chain of suppressed ones nothing is printed but that there is one. */
function throwAll(error: unknown): never {
  if (!(error instanceof SuppressedError)) throw error;
  const errors: unknown[] = [];
  let rest: unknown = error;
  for (; rest instanceof SuppressedError; rest = rest.suppressed) errors.unshift(rest.error);
  throw new AggregateError([rest, ...errors], "The service did not stop cleanly");
}

/** A plugin that cannot tell how it is hides no other. */
function told(health: () => Health): Health {
  try {
    return health();
  } catch (error) {
    return { status: "fail", reason: `its health cannot be told: ${String(error)}` };
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
