import { LRUCache } from "lru-cache";
import type { RecordedEvent } from "../ports/event_store.ts";
import type { ProgressUpdate } from "../ports/progress.ts";
import type { KnownDocument, ReadModels } from "../ports/read_models.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import { messageOf } from "./aggregate.ts";
import type { Demand } from "./demand.ts";
import { jsonSize } from "./json_size.ts";
import { keysOf, keysOrNone, storedForm } from "./projected.ts";
import { handledTypes, type ServedView } from "./registry.ts";
import { SharedUnit } from "./shared_documents.ts";

type Documents = ReadonlyMap<string, KnownDocument>;

const NONE: KnownDocument = { version: 0, document: undefined };
const DOCUMENT_CACHE_BYTES = 8 * 1024 * 1024;
/** Many small commits cost more than the events in them: under load a read model is this old, unless a reader waits. */
const REST_MS = 50;

/**
 * The subscriber that fills a read model. A document of one stream carries the sequence number of the event it shows,
 * so that an event delivered again changes nothing; one over several streams counts its writes, and where other
 * processes write it too it is a shared one.
 */
export function createProjector(
  view: ServedView,
  { readModels, demand }: { readonly readModels: ReadModels; readonly demand: Demand },
): Subscriber {
  const { projection, model, aggregateTypes } = view;
  const documents = new DocumentCache(view, readModels);
  const isShared = model.sources === "many" && !readModels.soleWriter;
  return {
    name: model.incarnation,
    eventTypes: new Set(handledTypes(projection)),
    ...aggregateTypes && { aggregateTypes },
    progress: readModels.progress,
    async begin(events) {
      if (isShared) return await SharedUnit.begin(view, readModels, events);
      const keys = new Set<string>();
      for (const event of events) for (const key of keysOrNone(view, event)) keys.add(key);
      return new Unit(view, documents, await documents.get(keys));
    },
    resume: () => documents.clear(),
    rest: (signal) => demand.rest(model.incarnation, { ms: REST_MS, signal }),
  };
}

/** The documents one page of events changes. */
class Unit implements UnitOfWork {
  readonly #view: ServedView;
  readonly #cache: DocumentCache;
  readonly #documents: Documents;
  readonly #written = new Map<string, KnownDocument>();

  constructor(view: ServedView, cache: DocumentCache, documents: Documents) {
    this.#view = view;
    this.#cache = cache;
    this.#documents = documents;
  }

  /** Changes all the event's documents or, when the module throws on one of them, none. */
  apply(event: RecordedEvent): void {
    const keys = keysOf(this.#view, event);
    const changes: [string, KnownDocument][] = [];
    for (const key of keys.length > 1 ? new Set(keys) : keys) {
      const before = this.#written.get(key) ?? this.#documents.get(key) ?? NONE;
      const after = this.#project(event, key, before);
      if (after !== undefined) changes.push([key, after]);
    }
    for (const [key, after] of changes) this.#written.set(key, after);
  }

  commit(progress: ProgressUpdate): Promise<void> {
    return this.#cache.write(this.#written, { before: this.#documents, progress });
  }

  /** The document after the event, or undefined when it shows that event already. */
  #project(event: RecordedEvent, key: string, before: KnownDocument): KnownDocument | undefined {
    const { projection, model } = this.#view;
    const ofOneStream = model.sources === "one";
    if (ofOneStream && event.sequenceNumber <= before.version) return undefined;
    const after = projection.on[event.eventType]?.(before.document, messageOf(event), event, key);
    const version = ofOneStream ? event.sequenceNumber : before.version + 1;
    return { version, document: storedForm(projection, after) };
  }
}

/** The documents last written, so that a page of events need not read what the one before it wrote. */
class DocumentCache {
  readonly #view: ServedView;
  readonly #readModels: ReadModels;
  readonly #cache = new LRUCache<string, KnownDocument>({
    maxSize: DOCUMENT_CACHE_BYTES,
    sizeCalculation: ({ document }, key) => 100 + key.length + 2 * jsonSize(document),
  });

  constructor(view: ServedView, readModels: ReadModels) {
    this.#view = view;
    this.#readModels = readModels;
  }

  clear(): void {
    this.#cache.clear();
  }

  async get(keys: ReadonlySet<string>): Promise<Documents> {
    const known = new Map<string, KnownDocument>();
    const missing: string[] = [];
    for (const key of keys) {
      const cached = this.#cache.get(key);
      if (cached === undefined) missing.push(key);
      else known.set(key, cached);
    }
    if (missing.length === 0) return known;
    const stored = await this.#readModels.known(this.#view.model, missing);
    for (const key of missing) known.set(key, stored.get(key) ?? NONE);
    return known;
  }

  /** A write that fails may have been done: what it wrote is read again. */
  async write(
    written: Documents,
    { before, progress }: { readonly before: Documents; readonly progress: ProgressUpdate },
  ): Promise<void> {
    const documents = [...written].map(([key, { version, document }]) => ({
      key,
      version,
      document,
      before: before.get(key),
    }));
    try {
      await this.#readModels.write(this.#view.model, { documents, progress });
    } catch (error) {
      for (const key of written.keys()) this.#cache.delete(key);
      throw error;
    }
    for (const [key, known] of written) this.#cache.set(key, known);
  }
}
