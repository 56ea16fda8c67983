import type { Fields } from "../model/message.ts";
import type { Principal, Read } from "../model/module.ts";
import { type EventStore, type RecordedEvent, streamKey } from "../ports/event_store.ts";
import { ref } from "../ports/plugin.ts";
import type { Write } from "../ports/progress.ts";
import type { Find, ReadModels, StoredDocument, View } from "../ports/read_models.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Aggregate, AggregateLoader } from "./aggregate.ts";
import type { LiveCache } from "./live_cache.ts";
import type { Served, ServedView } from "./registry.ts";
import { MAX_TRIES } from "./retry.ts";

export type Moment = { readonly version: number } | { readonly at: string };

/** Reads on somebody's behalf; `forbidden` is the module's `allowRead` saying no. Throws `Unavailable`. */
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

/** The write that an answer must show, and how long it may wait for that: then it is `behind`, or `parked` at once. */
export type Shown = { readonly write: Write; readonly timeoutMs: number };

export const queriesRef = ref<Queries>("queries");

export type QueriesParts = {
  readonly store: EventStore;
  readonly loader: AggregateLoader;
  readonly cache: LiveCache;
  readonly readModels: ReadModels;
  readonly runtime: Runtime;
};

export function createQueries(parts: QueriesParts): Queries {
  const { store, readModels } = parts;
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
      const page = await store.read(stream, { after, limit: limit + 1 });
      if (page.length === 0 && await store.version(stream) === 0) return { is: "missing" };
      const events = page.slice(0, limit);
      return { is: "found", events, next: page.length > limit ? events.at(-1)?.sequenceNumber ?? null : null };
    },
    async find(servedView, { principal, find, shown }) {
      const { served, projection, model } = servedView;
      const { where } = find;
      const by = where === undefined ? undefined : model.indexes[where.index]?.by;
      const filter = where === undefined || by === undefined ? {} : { [by]: where.value };
      if (!mayRead(served, principal, { kind: "view", view: projection.name, filter })) return { is: "forbidden" };
      const standing = await whenShown(parts, servedView, shown);
      if (standing !== "passed") return { is: standing };
      return { is: "found", view: await readModels.find(model, find) };
    },
    async document(servedView, { principal, key, shown }) {
      const { served, projection, model } = servedView;
      if (!mayRead(served, principal, { kind: "view", view: projection.name, key })) return { is: "forbidden" };
      const standing = await whenShown(parts, servedView, shown);
      if (standing !== "passed") return { is: standing };
      const document = (await readModels.get(model, [key])).get(key);
      return document === undefined ? { is: "missing" } : { is: "found", document };
    },
  };
}

function mayRead(served: Served, principal: Principal, read: Read): boolean {
  return served.module.allowRead?.(principal, read) !== false;
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

async function whenShown(
  { readModels: { progress }, runtime }: QueriesParts,
  { model: { incarnation: subscription } }: ServedView,
  shown: Shown | undefined,
): Promise<"passed" | "behind" | "parked"> {
  if (shown === undefined) return "passed";
  const { write, timeoutMs } = shown;
  const waiting = new AbortController();
  let late = false;
  const deadline = runtime.sleep(timeoutMs, { signal: waiting.signal }).then(() => {
    late = true;
  }, () => {});
  try {
    for (;;) {
      const moved = progress.whenMoved(subscription, { signal: waiting.signal });
      moved.catch(() => {});
      const standing = await progress.standing(subscription, write);
      if (standing.is === "passed") return "passed";
      if (standing.is === "parked" && standing.parked.attempts >= MAX_TRIES) return "parked";
      if (late) return "behind";
      await Promise.race([moved, deadline]);
    }
  } finally {
    waiting.abort();
  }
}
