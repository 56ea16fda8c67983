import type { Fields } from "../model/message.ts";
import { type RecordedEvent, streamKey, Superseded } from "../ports/event_store.ts";
import type { ProgressUpdate } from "../ports/progress.ts";
import {
  type DocumentWrite,
  type KnownDocument,
  MAX_STREAMS_PER_WRITE,
  type ReadModels,
} from "../ports/read_models.ts";
import type { UnitOfWork } from "../ports/subscriber.ts";
import { messageOf } from "./aggregate.ts";
import { keysOf, keysOrNone, storedForm } from "./projected.ts";
import type { ServedView } from "./registry.ts";

/** Somebody wins each round, so that even many processes at one document come to an end. */
const MAX_ROUNDS = 20;

type Parts = { readonly view: ServedView; readonly readModels: ReadModels };

/**
 * The documents of many streams that one page of events changes, where other processes change them too. An event that a
 * document shows is skipped; a write over a document that moved meanwhile is made anew from what is stored by then.
 */
export class SharedUnit implements UnitOfWork {
  readonly #parts: Parts;
  readonly #applied: RecordedEvent[] = [];
  #drafts: ReadonlyMap<string, Draft>;

  static async begin(view: ServedView, readModels: ReadModels, events: readonly RecordedEvent[]): Promise<SharedUnit> {
    const parts = { view, readModels };
    return new SharedUnit(parts, await readDrafts(parts, events));
  }

  private constructor(parts: Parts, drafts: ReadonlyMap<string, Draft>) {
    this.#parts = parts;
    this.#drafts = drafts;
  }

  apply(event: RecordedEvent): void {
    this.#project(event);
    this.#applied.push(event);
  }

  async commit(progress: ProgressUpdate): Promise<void> {
    const { view: { model }, readModels } = this.#parts;
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      const documents = [...this.#drafts.values()].flatMap((draft) => draft.writes);
      if (await readModels.write(model, { documents, progress }) === "written") return;
      this.#drafts = await readDrafts(this.#parts, this.#applied);
      this.#projectAgain();
    }
    throw new Superseded(`Expected to write ${model.incarnation}, found it moved by others ${MAX_ROUNDS} times`);
  }

  /** Changes all the event's documents or, when the module throws on one of them, none. */
  #project(event: RecordedEvent): void {
    const { view } = this.#parts;
    const changes: [Draft, Fields | undefined][] = [];
    for (const key of new Set(keysOf(view, event))) {
      const draft = this.#drafts.get(key);
      if (draft === undefined) {
        throw new Error(`expected the key "${key}" when the page began, found none: keys differ`);
      }
      if (draft.shows(event)) continue;
      const after = view.projection.on[event.eventType]?.(draft.document, messageOf(event), event, key);
      changes.push([draft, storedForm(view.projection, after)]);
    }
    for (const [draft, document] of changes) draft.put(event, document);
  }

  /** An event that fails on what is stored now is tried, and answered for, when it is delivered again. */
  #projectAgain(): void {
    try {
      for (const event of this.#applied) this.#project(event);
    } catch (cause) {
      throw new Superseded("An event that was applied failed on a document that had moved", { cause });
    }
  }
}

/** One document as it becomes: a write for every so many streams, each over the one before. */
class Draft {
  readonly #key: string;
  readonly #stored: KnownDocument;
  readonly #shown: Map<string, number>;
  readonly #writes: (DocumentWrite & { readonly shown: Map<string, number> })[] = [];

  constructor(key: string, stored: KnownDocument) {
    this.#key = key;
    this.#stored = stored;
    this.#shown = new Map(stored.shown);
  }

  get writes(): readonly DocumentWrite[] {
    return this.#writes;
  }

  get document(): Fields | undefined {
    return this.#last.document;
  }

  shows(event: RecordedEvent): boolean {
    return event.sequenceNumber <= (this.#shown.get(streamKey(event)) ?? 0);
  }

  put(event: RecordedEvent, document: Fields | undefined): void {
    const stream = streamKey(event);
    const before = this.#last;
    const change = { key: this.#key, version: before.version + 1, document };
    this.#shown.set(stream, event.sequenceNumber);
    const open = this.#writes.at(-1);
    if (open !== undefined && (open.shown.has(stream) || open.shown.size < MAX_STREAMS_PER_WRITE)) {
      this.#writes[this.#writes.length - 1] = {
        ...open,
        ...change,
        shown: open.shown.set(stream, event.sequenceNumber),
      };
    } else {
      this.#writes.push({ ...change, before, shown: new Map([[stream, event.sequenceNumber]]) });
    }
  }

  get #last(): KnownDocument {
    return this.#writes.at(-1) ?? this.#stored;
  }
}

async function readDrafts(
  { view, readModels }: Parts,
  events: readonly RecordedEvent[],
): Promise<ReadonlyMap<string, Draft>> {
  const streams = new Map<string, Set<string>>();
  for (const event of events) {
    for (const key of keysOrNone(view, event)) streams.set(key, (streams.get(key) ?? new Set()).add(streamKey(event)));
  }
  const known = await readModels.known(view.model, [...streams.keys()], {
    streamsOf: (key) => streams.get(key) ?? new Set(),
  });
  return new Map([...known].map(([key, document]) => [key, new Draft(key, document)]));
}
