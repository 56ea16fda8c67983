import { virtualRuntime } from "annals/testing";
import { REQUEST_STREAM } from "../../core/engine/subscription_orders.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { assetRef } from "../../core/ports/telemetry.ts";
import health from "../../plugins/health/mod.ts";
import http, { httpRef } from "../../plugins/http/mod.ts";
import publisher from "../../plugins/publisher/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import watchdog from "../../plugins/watchdog/mod.ts";
import { LOOKED, type Watch } from "../../plugins/watchdog/watch.ts";
import { SseReader } from "../http/sse_reader.ts";
import { counter } from "./counter.ts";
import { Fault } from "../contract/fault.ts";
import { MemorySender } from "./memory_sender.ts";
import { openRig } from "./rig.ts";

/** A part of the tree, as `/health` shows it. */
export type Shown = {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
  readonly last_error: string | null;
  readonly children: readonly Shown[];
};

export type Breakable = Awaited<ReturnType<typeof openBreakable>>;
type FaultOf = (component: string) => Fault;

/**
 * The whole service over the memory store, in the test's time, with a broker and real doors. Of every component one
 * call that it makes can be made to go wrong: that is the fault of its name.
 */
export async function openBreakable() {
  const runtime = virtualRuntime({ seed: 7 });
  const faults = new Map<string, Fault>();
  const faultOf: FaultOf = (component) => faults.getOrInsertComputed(component, () => new Fault());
  const storage = createMemoryStorage();
  const sender = breakableSender(faultOf("publisher"));
  const doors = breakableDoors(faultOf);
  const watching = { counters: new Int32Array(new SharedArrayBuffer(0)) };
  /** How late the timers fire by which the event loop is sampled. */
  const late = { ms: 0 };
  const replaced = new DisposableStack();
  replaced.use(replace(Deno, "serve", doors.serve));
  replaced.use(replace(globalThis, "Worker", watchThreads(faultOf("watchdog_thread"), { runtime, watching })));
  const rig = await openRig({
    modules: [counter],
    storage: breakableStorage(storage, faultOf),
    runtime,
    plugins: [breakableHealth(faultOf, late), watchdog, sender.plugin(), publisher, breakableHttp(faultOf)],
    environment: { PORT: "0", METRICS_PORT: "0", DRAIN_MS: "0" },
  });
  const url = (door: string) => rig.app.service(httpRef)[door === "public_door" ? "publicUrl" : "operatorUrl"];
  let reader: SseReader | undefined;
  const assets = rig.app.service<readonly { path: string; body(): Promise<string> }[]>({ ref: assetRef.ref });
  return {
    ...{ rig, runtime, faultOf, storage, sender, watching, late },
    endServer: doors.end,
    url,
    /** The one live reader of the counter `a`, which is there already. */
    listen: async () => reader ??= await SseReader.open(`${url("public_door")}/counters/a/events`),
    async tree(): Promise<Shown> {
      return JSON.parse(await assets.find(({ path }) => path === "/health")?.body() ?? "{}").tree;
    },
    async [Symbol.asyncDispose]() {
      for (const fault of faults.values()) fault.mend();
      await reader?.[Symbol.asyncDispose]();
      await Promise.all([rig.app.stop(), runtime.advance(0)]);
      replaced.dispose();
    },
  };
}

type MemoryStorage = ReturnType<typeof createMemoryStorage>;

/** A read of a stream whose id is a door's name meets the fault of that door, and a read model that of its own name. */
function breakableStorage(storage: MemoryStorage, faultOf: FaultOf): MemoryStorage {
  const { store, source, readModels } = storage;
  return {
    ...storage,
    source: {
      ...source,
      async watch(options) {
        await faultOf("live_hub").meet();
        return await source.watch(options);
      },
    },
    store: {
      ...store,
      async read(stream, options) {
        await faultOf(stream.aggregateType === REQUEST_STREAM.aggregateType ? "requests" : stream.aggregateId).meet();
        return await store.read(stream, options);
      },
    },
    readModels: {
      ...readModels,
      async known(model, keys) {
        await faultOf(model.incarnation).meet();
        return await readModels.known(model, keys);
      },
    },
  };
}

function breakableSender(fault: Fault): MemorySender {
  const sender = new MemorySender();
  const send = sender.send.bind(sender);
  sender.send = async (...given) => {
    await fault.meet();
    return await send(...given);
  };
  return sender;
}

/** The next look after live streams may never come. */
function breakableHttp(faultOf: FaultOf): typeof http {
  const sleepOf = ({ sleep }: Runtime): Runtime["sleep"] => (ms, options) => {
    return (ms === 1_000 ? faultOf("live_streams").meet() : undefined) ?? sleep(ms, options);
  };
  return {
    ...http,
    start({ services, ...given }) {
      const { runtime } = services;
      return http.start({ ...given, services: { ...services, runtime: { ...runtime, sleep: sleepOf(runtime) } } });
    },
  };
}

/** The monitor's next look may never come, nor the event loop's next sample, which is taken more often. */
function breakableHealth(faultOf: FaultOf, late: { readonly ms: number }): typeof health {
  const sleepOf = ({ sleep }: Runtime): Runtime["sleep"] => (ms, options) => {
    if (ms >= 1_000) return faultOf("health_monitor").meet() ?? sleep(ms, options);
    return faultOf("event_loop_sampler").meet() ?? sleep(ms + late.ms, options);
  };
  return {
    ...health,
    start({ services, ...given }) {
      const { runtime } = services;
      return health.start({ ...given, services: { ...services, runtime: { ...runtime, sleep: sleepOf(runtime) } } });
    },
  };
}

/** The doors' servers, each of which can be ended; a door that opens again meets its fault. */
function breakableDoors(faultOf: FaultOf) {
  const { serve } = Deno;
  const opened = new Map<number, string>();
  const servers = new Map<string, Deno.HttpServer<Deno.NetAddr>>();
  return {
    serve(options: Deno.ServeTcpOptions, handler: Deno.ServeHandler<Deno.NetAddr>) {
      const known = opened.get(options.port ?? 0);
      if (known !== undefined) faultOf(known).meet();
      const server = serve(options, handler);
      const name = known ?? (opened.size === 0 ? "public_door" : "operator_door");
      opened.set(server.addr.port, name);
      servers.set(name, server);
      return server;
    },
    end: (door: string) => servers.get(door)?.shutdown(),
  };
}

/** Stands in for the watchdog's thread, for which no test can let time pass: it looks at each tick of the test's. */
export function watchThreads(
  fault: Fault,
  { runtime, watching }: { readonly runtime: Runtime; readonly watching: { counters: Watch["counters"] } },
) {
  return class WatchThread {
    onerror: ((event: ErrorEvent) => void) | null = null;
    readonly #end = new AbortController();

    async postMessage({ counters, tickMs }: Watch): Promise<void> {
      watching.counters = counters;
      const { signal } = this.#end;
      try {
        while (!signal.aborted) {
          await fault.meet();
          Atomics.add(counters, LOOKED, 1);
          await runtime.sleep(tickMs, { signal });
        }
      } catch (error) {
        if (!signal.aborted) this.onerror?.(new ErrorEvent("error", { message: String(error), cancelable: true }));
      }
    }

    terminate(): void {
      this.#end.abort();
    }
  };
}

/** Until it is disposed of, the value stands in the place of the original. */
export function replace<T extends object>(owner: T, name: keyof T, value: unknown): Disposable {
  const original = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return { [Symbol.dispose]: () => void Object.defineProperty(owner, name, original) };
}
