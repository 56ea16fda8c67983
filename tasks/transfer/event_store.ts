import { startApp } from "../../core/engine/app.ts";
import { supervision } from "../../core/engine/supervision.ts";
import { type EventStore, eventStoreRef } from "../../core/ports/event_store.ts";
import { type StreamList, streamListRef } from "../../core/ports/stream_list.ts";
import logging from "../../plugins/logging/mod.ts";
import metrics from "../../plugins/metrics/mod.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { openBeside } from "../../plugins/storage_sqlite/beside.ts";
import { dataDirectory } from "../arguments.ts";

export type Environment = Readonly<Record<string, string>>;
type Options = { readonly environment: Environment; readonly signal: AbortSignal };
type Opened<T> = T & AsyncDisposable;

/** What an export reads: the embedded store beside a service that is using it, or the cluster store. */
export async function openForExport(
  { environment, signal }: Options,
): Promise<Opened<{ readonly store: Pick<EventStore, "read">; readonly streamList: StreamList }>> {
  if (environment.SCYLLA_NODES !== undefined) return await openStorage({ environment, signal });
  const { store, streamList, ...opened } = await openBeside(dataDirectory(environment.DATA_DIR));
  return { store, streamList, [Symbol.asyncDispose]: () => Promise.resolve(opened[Symbol.dispose]()) };
}

/** What an import writes: the embedded store, which no service may be using, or the cluster store. */
export async function openStorage(
  { environment, signal }: Options,
): Promise<Opened<{ readonly store: EventStore; readonly streamList: StreamList }>> {
  const storage = environment.SCYLLA_NODES === undefined
    ? (await import("../../plugins/storage_sqlite/mod.ts")).storageOfTask
    : (await import("../../plugins/storage_scylla/mod.ts")).default;
  const app = await startApp({
    plugins: [logging, metrics, supervision, storage],
    environment: { ...environment, ROLES: "serve" },
    runtime: systemRuntime,
    signal,
  });
  return {
    store: app.service(eventStoreRef),
    streamList: app.service(streamListRef),
    [Symbol.asyncDispose]: () => app.stop(),
  };
}
