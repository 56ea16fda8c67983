import type { Fields } from "../model/message.ts";
import type { Principal, Read } from "../model/module.ts";
import { type EventStore, type RecordedEvent, type Stream, streamKey } from "../ports/event_store.ts";
import { ref } from "../ports/plugin.ts";
import type { Find, StoredDocument, View } from "../ports/read_models.ts";
import type { Aggregate, AggregateLoader } from "./aggregate.ts";
import { jsonSize } from "./json_size.ts";
import type { LiveCache } from "./live_cache.ts";
import type { Registry, Served, ServedView } from "./registry.ts";
import { createWaits, type Shown, type ShownParts } from "./shown.ts";

export type Moment = { readonly version: number } | { readonly at: string };

/**
 * Reads on somebody's behalf; `forbidden` is the module's `allowRead` saying no, also to the state of the write that an
 * answer is to show: how far another's aggregate is would be told else. Throws `Unavailable`.
 */
export type Queries = {
  /** The presented state now, or as it was at a version or an ISO moment (inclusive). */
  state(served: Served, query: { principal: Principal; id: string; moment?: Moment | undefined }): Promise<
    | { readonly is: "found"; readonly version: number; readonly state: Fields }
    | { readonly is: "out_of_range"; readonly currentVersion: number }
    | { readonly is: "missing" | "forbidden" }
  >;
  /** At most `limit` events after sequence number `after`; `next` is the last one's number while there are more. */
  history(served: Served, query: { principal: Principal; id: string; after: number; limit: number }): Promise<
    | { readonly is: "found"; readonly events: readonly RecordedEvent[]; readonly next: number | null }
    | { readonly is: "missing" | "forbidden" }
  >;
  /** Throws `InvalidCursor`. */
  find(view: ServedView, query: { principal: Principal; find: Find; shown?: Shown | undefined }): Promise<
    { readonly is: "found"; readonly view: View } | { readonly is: "forbidden" | "behind" | "parked" }
  >;
  document(view: ServedView, query: { principal: Principal; key: string; shown?: Shown | undefined }): Promise<
    | { readonly is: "found"; readonly document: StoredDocument }
    | { readonly is: "missing" | "forbidden" | "behind" | "parked" }
  >;
};

export const queriesRef = ref<Queries>("queries");

/** One event may take half a megabyte: a page of many is bounded by their size, and read in chunks. */
const HISTORY_PAGE_BYTES = 4_000_000;
const HISTORY_CHUNK_EVENTS = 50;

export type QueriesParts = ShownParts & {
  readonly registry: Registry;
  readonly loader: AggregateLoader;
  readonly cache: LiveCache;
};

export function createQueries(parts: QueriesParts): Queries {
  const { registry, store, readModels } = parts;
  const whenShown = createWaits(parts);
  const mayKnow = (principal: Principal, shown: Shown | undefined) => {
    if (shown === undefined) return true;
    const { aggregateType, aggregateId: id } = shown.write;
    const writer = registry.byName.get(aggregateType);
    return writer !== undefined && mayRead(writer, principal, { kind: "state", id });
  };
  return {
    async state(served, { principal, id, moment }) {
      if (!mayRead(served, principal, { kind: "state", id })) return { is: "forbidden" };
      const current = await currentAggregate(parts, served, id);
      if (current.version === 0) return { is: "missing" };
      const past = moment === undefined ? current : await aggregateAt(parts, served, { id, moment, current });
      if (past === undefined) return { is: "out_of_range", currentVersion: current.version };
      const state = served.module.present?.(past.state) ?? past.state;
      return { is: "found", version: past.version, state };
    },
    async history(served, { principal, id, after, limit }) {
      if (!mayRead(served, principal, { kind: "history", id })) return { is: "forbidden" };
      const stream = { aggregateType: served.module.name, aggregateId: id };
      const events = await readHistory(store, stream, { after, limit });
      const version = await store.version(stream);
      if (version === 0) return { is: "missing" };
      const last = events.at(-1)?.sequenceNumber ?? version;
      return { is: "found", events, next: last < version ? last : null };
    },
    async find(servedView, { principal, find, shown }) {
      const { served, projection, model } = servedView;
      const { where } = find;
      const by = where === undefined ? undefined : model.indexes[where.index]?.by;
      const filter = where === undefined || by === undefined ? {} : { [by]: where.value };
      if (!mayRead(served, principal, { kind: "view", view: projection.name, filter })) return { is: "forbidden" };
      if (!mayKnow(principal, shown)) return { is: "forbidden" };
      const standing = await whenShown(servedView, { principal, shown });
      if (standing !== "passed") return { is: standing };
      return { is: "found", view: await readModels.find(model, find) };
    },
    async document(servedView, { principal, key, shown }) {
      const { served, projection, model } = servedView;
      if (!mayRead(served, principal, { kind: "view", view: projection.name, key })) return { is: "forbidden" };
      if (!mayKnow(principal, shown)) return { is: "forbidden" };
      const standing = await whenShown(servedView, { principal, shown });
      if (standing !== "passed") return { is: standing };
      const document = (await readModels.get(model, [key])).get(key);
      return document === undefined ? { is: "missing" } : { is: "found", document };
    },
  };
}

/** Whether the module lets somebody read, by true and nothing else; for reads that are no query. */
export function mayRead({ module }: Served, principal: Principal, read: Read): boolean {
  return module.allowRead === undefined || module.allowRead(principal, read) === true;
}

/** At most `limit` events, and fewer of large ones: a page ends behind the event that fills it. */
async function readHistory(
  store: EventStore,
  stream: Stream,
  { after, limit }: { after: number; limit: number },
): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (let bytes = 0; events.length < limit && bytes < HISTORY_PAGE_BYTES;) {
    const chunk = await store.read(stream, {
      after: events.at(-1)?.sequenceNumber ?? after,
      limit: Math.min(limit - events.length, HISTORY_CHUNK_EVENTS),
    });
    if (chunk.length === 0) break;
    for (const event of chunk) {
      if (bytes >= HISTORY_PAGE_BYTES) break;
      bytes += jsonSize(event.data);
      events.push(event);
    }
  }
  return events;
}

/** The cached aggregate where no other process writes, or where its stream has not moved; else the stream itself. */
async function currentAggregate({ store, loader, cache }: QueriesParts, served: Served, id: string) {
  const stream = { aggregateType: served.module.name, aggregateId: id };
  const cached = cache.get(streamKey(stream));
  if (cached !== undefined && (store.soleWriter || await store.version(stream) === cached.version)) return cached;
  return await loader.load(served, id);
}

async function aggregateAt(
  { loader }: QueriesParts,
  served: Served,
  { id, moment, current }: { id: string; moment: Moment; current: Aggregate },
): Promise<Aggregate | undefined> {
  if ("version" in moment) {
    const { version } = moment;
    if (version < 1 || version > current.version) return undefined;
    return await loader.loadUntil(served, id, (event) => event.sequenceNumber <= version);
  }
  const { at } = moment;
  const past = await loader.loadUntil(served, id, (event) => event.timestamp <= at);
  return past.version === 0 ? undefined : past;
}
