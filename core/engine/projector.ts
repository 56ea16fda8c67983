import { LRUCache } from "lru-cache";
import type { Source } from "../model/decider.ts";
import type { Fields } from "../model/message.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import type { DocumentWrite, ReadModels, StoredDocument } from "../ports/read_models.ts";
import type { Subscriber, UnitOfWork } from "../ports/subscriber.ts";
import { messageOf } from "./aggregate.ts";
import { jsonSize } from "./json_size.ts";
import type { ServedView } from "./registry.ts";

/** What is known of a document: what is stored, or that there is none. */
type Known = { readonly version: number; readonly document: Fields | undefined };

const DOCUMENT_CACHE_BYTES = 8 * 1024 * 1024;

/**
 * The subscriber that fills a read model. A document of one stream carries the sequence number of the event it shows,
 * so that an event delivered again changes nothing; one over several streams counts its writes.
 */
export function createProjector({ projection, model }: ServedView, readModels: ReadModels): Subscriber {
  const handled = Object.entries(projection.on).filter(([, handler]) => handler !== undefined);
  const cache = new LRUCache<string, Known>({
    maxSize: DOCUMENT_CACHE_BYTES,
    sizeCalculation: ({ document }, key) => 100 + key.length + 2 * jsonSize(document),
  });

  function keysOf(event: RecordedEvent): readonly string[] {
    const keys = projection.key?.(messageOf(event), event) ?? event.aggregateId;
    return typeof keys === "string" ? [keys] : keys;
  }

  async function fetch(keys: ReadonlySet<string>): Promise<Map<string, Known>> {
    const known = new Map<string, Known>();
    const missing: string[] = [];
    for (const key of keys) {
      const cached = cache.get(key);
      if (cached === undefined) missing.push(key);
      else known.set(key, cached);
    }
    const stored: ReadonlyMap<string, StoredDocument> = missing.length === 0
      ? new Map()
      : await readModels.get(model, missing);
    for (const key of missing) known.set(key, stored.get(key) ?? { version: 0, document: undefined });
    return known;
  }

  /** The document after the event, or undefined when it shows that event already. Throws what the module throws. */
  function project(event: RecordedEvent, key: string, before: Known): Known | undefined {
    if (projection.key === undefined && event.sequenceNumber <= before.version) return undefined;
    const source: Source = event;
    const after = projection.on[event.eventType]?.(before.document, messageOf(event), source, key);
    return {
      version: projection.key === undefined ? event.sequenceNumber : before.version + 1,
      document: after === undefined ? undefined : projection.document.parse(after),
    };
  }

  return {
    name: model.incarnation,
    eventTypes: new Set(handled.map(([type]) => type)),
    progress: readModels.progress,
    async begin(events): Promise<UnitOfWork> {
      const documents = await fetch(new Set(events.flatMap((event) => keysOrNone(event, keysOf))));
      const written = new Map<string, Known>();
      return {
        apply(event) {
          const changes: [string, Known][] = [];
          for (const key of new Set(keysOf(event))) {
            const after = project(event, key, documents.get(key) ?? { version: 0, document: undefined });
            if (after !== undefined) changes.push([key, after]);
          }
          for (const [key, after] of changes) {
            documents.set(key, after);
            written.set(key, after);
          }
        },
        async commit(progress) {
          for (const key of written.keys()) cache.delete(key);
          const writes = [...written].map(([key, known]): DocumentWrite => ({ key, ...known }));
          await readModels.write(model, { documents: writes, progress });
          for (const [key, known] of written) cache.set(key, known);
        },
      };
    },
  };
}

/** A key function that throws does so again, and is answered for, when its event is applied. */
function keysOrNone(event: RecordedEvent, keysOf: (event: RecordedEvent) => readonly string[]): readonly string[] {
  try {
    return keysOf(event);
  } catch {
    return [];
  }
}
