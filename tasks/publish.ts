import { z } from "zod";
import { startApp } from "../core/engine/app.ts";
import { supervision } from "../core/engine/supervision.ts";
import { eventSource, topicsOf } from "../core/engine/publication.ts";
import { createRegistry, type Registry, registryRef } from "../core/engine/registry.ts";
import { republish, type Republished, type Selection } from "../core/engine/republish.ts";
import { type Sender, senderRef } from "../core/ports/broker.ts";
import { checkpointStoreRef } from "../core/ports/checkpoints.ts";
import { eventStoreRef } from "../core/ports/event_store.ts";
import { definePlugin, StartError } from "../core/ports/plugin.ts";
import { InvalidCursor } from "../core/ports/read_models.ts";
import { streamListRef } from "../core/ports/stream_list.ts";
import brokerKafka from "../plugins/broker_kafka/mod.ts";
import logging from "../plugins/logging/mod.ts";
import metrics from "../plugins/metrics/mod.ts";
import { discoverModules, modulesDirectory } from "../plugins/runtime/discover_modules.ts";
import { systemRuntime } from "../plugins/runtime/mod.ts";
import { stopSignal } from "../plugins/runtime/stop_signal.ts";
import { endWith } from "./ending.ts";
import { readSelection } from "./publish/selection.ts";

/**
 * Sends events of the store to their topics again: with `--republish`, and `--topic=`, `--module=`,
 * `--aggregate=MODULE/ID`, `--from=` or `--to=`; `--after=` goes on where another run has ended. Configured as the
 * service is. The embedded store is used by one process at a time: stop the service before. On the cluster store it may
 * run.
 */
const REPORT_MS = 2_000;

const environment = Deno.env.toObject();
const signal = stopSignal(new StartError("Stopped before the end"));
let reached: Republished = { sent: 0, refused: 0, place: null };

await endWith(async () => {
  const registry = createRegistry(await discoverModules(modulesDirectory(environment)));
  const selection = readSelection(Deno.args, registry);
  try {
    await publish(registry, selection);
  } catch (error) {
    if (reached.place !== null) console.error(`Go on with --after='${reached.place}'`);
    if (!(error instanceof InvalidCursor)) throw error;
    throw new StartError(`Cannot publish: ${error.message}; give --after= as a run before has told it`);
  }
});

async function publish(registry: Registry, selection: Selection): Promise<void> {
  if (environment.REDPANDA_BROKERS === undefined) {
    throw new StartError("Cannot publish: expected brokers in REDPANDA_BROKERS, found none; set it as for the service");
  }
  const app = await startApp({
    plugins: [logging, metrics, supervision, await storage(), registryPlugin(registry), brokerKafka],
    environment: { ...environment, ROLES: "serve" },
    runtime: systemRuntime,
    signal,
  });
  try {
    const [sender] = app.service<readonly Sender[]>({ ref: senderRef.ref });
    if (sender === undefined) throw new StartError("Cannot publish: the broker takes no messages");
    const source = eventSource.parse(environment.EVENT_SOURCE);
    const topics = [...topicsOf(registry, { source }).values()].map((topic) =>
      [topic.served.module.name, topic] as const
    );
    await run({
      store: app.service(eventStoreRef),
      streamList: app.service(streamListRef),
      progress: app.service(checkpointStoreRef).progress,
      topics: new Map(topics),
      sender,
    }, selection);
  } finally {
    await app.stop();
  }
}

async function run(parts: Parameters<typeof republish>[0], selection: Selection): Promise<void> {
  const since = performance.now();
  let told = since;
  for await (reached of republish(parts, selection)) {
    signal.throwIfAborted();
    if (performance.now() - told < REPORT_MS) continue;
    told = performance.now();
    console.log(`${summary(since)}; to go on from here: --after='${reached.place}'`);
  }
  const isNothing = reached.sent + reached.refused === 0;
  console.log(isNothing ? "Nothing that was published fits" : `Done: ${summary(since)}`);
  if (reached.refused > 0) throw new StartError(`The broker refuses ${reached.refused} of them for good`);
}

function summary(since: number): string {
  const seconds = (performance.now() - since) / 1000;
  const rate = Math.round(reached.sent / Math.max(seconds, 0.001));
  return `${reached.sent} events sent again in ${seconds.toFixed(1)} s, ${rate} a second`;
}

async function storage() {
  const { SCYLLA_NODES: nodes } = environment;
  if (nodes === undefined) return (await import("../plugins/storage_sqlite/mod.ts")).storageOfTask;
  return (await import("../plugins/storage_scylla/mod.ts")).default;
}

function registryPlugin(registry: Registry) {
  return definePlugin({
    name: "modules",
    provides: { registry: registryRef },
    requires: {},
    config: z.object({}),
    start: () => Promise.resolve({ services: { registry } }),
  });
}
