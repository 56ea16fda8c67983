import { z } from "zod";
import type { Fields, Message } from "../model/message.ts";
import type { NewEvent, RecordedEvent, Stream } from "../ports/event_store.ts";
import type { EventStore } from "../ports/event_store.ts";
import type { Snapshot, Snapshots } from "../ports/snapshots.ts";
import type { Log } from "../ports/telemetry.ts";
import { jsonSize } from "./json_size.ts";
import { KnownCommands } from "./known_commands.ts";
import { asStored } from "./plain_json.ts";
import type { Served } from "./registry.ts";

/** A stream folded up to `version`. Owned by whoever loaded it; `state` itself is never changed in place. */
export type Aggregate = {
  state: Fields;
  version: number;
  /** Of the last event; empty for a new stream. */
  timestamp: string;
  eventId: string;
  readonly known: KnownCommands;
};

export const SNAPSHOT_EVERY_EVENTS = 100;
const PAGE_EVENTS = 100;
const KNOWN_COMMAND_BYTES = 160;

/** Loads aggregates: the newest snapshot that is true to the stream, and the events after it. */
export class AggregateLoader {
  readonly #store: EventStore;
  readonly #snapshots: Snapshots;
  readonly #log: Log;

  constructor({ store, snapshots, log }: { store: EventStore; snapshots: Snapshots; log: Log }) {
    this.#store = store;
    this.#snapshots = snapshots;
    this.#log = log;
  }

  async load(served: Served, id: string): Promise<Aggregate> {
    const stream = { aggregateType: served.module.name, aggregateId: id };
    const aggregate = await this.#fromSnapshot(served, stream) ?? newAggregate(served);
    const start = aggregate.version;
    await foldPages(this.#store, stream, { served, aggregate });
    if (aggregate.version - start >= SNAPSHOT_EVERY_EVENTS) this.saveSnapshot(served, id, aggregate);
    return aggregate;
  }

  /** Folds from the first event while `until` holds for the next one. */
  async loadUntil(served: Served, id: string, until: (event: RecordedEvent) => boolean): Promise<Aggregate> {
    const stream = { aggregateType: served.module.name, aggregateId: id };
    const aggregate = newAggregate(served);
    await foldPages(this.#store, stream, { served, aggregate, until });
    return aggregate;
  }

  /** Nobody waits for a snapshot, and nothing fails without it: it only saves time later. */
  saveSnapshot(served: Served, id: string, { version, eventId, state, timestamp, known }: Aggregate): void {
    const content = { state, timestamp, known: known.entries() };
    const stream = { aggregateType: served.module.name, aggregateId: id };
    const snapshot = { version, eventId, content, fingerprint: served.fingerprint };
    this.#snapshots.save(stream, snapshot).catch((error: unknown) => {
      const fields = { module: served.module.name, reason: String(error) };
      this.#log.debug("A snapshot was not saved; loading this stream takes longer until the next one", fields);
    });
  }

  async #fromSnapshot(served: Served, stream: Stream): Promise<Aggregate | undefined> {
    const snapshot = await this.#snapshots.load(stream, served.fingerprint);
    if (snapshot === undefined) return undefined;
    const [last] = await this.#store.read(stream, { after: snapshot.version - 1, limit: 1 });
    return last?.eventId === snapshot.eventId ? openSnapshot(served, snapshot) : undefined;
  }
}

export function newAggregate(served: Served): Aggregate {
  return {
    state: served.module.decider.initialState,
    version: 0,
    timestamp: "",
    eventId: "",
    known: new KnownCommands(),
  };
}

/** The message a module sees; `type` goes last so that no field can take its place. */
export function messageOf(event: Pick<NewEvent, "eventType" | "data">): Message {
  return { ...event.data, type: event.eventType };
}

/** Takes one stored event into the aggregate. */
export function fold(served: Served, aggregate: Aggregate, event: RecordedEvent): void {
  aggregate.state = evolve(served, aggregate.state, event);
  advance(aggregate, event);
}

/** The state behind an event: the same now, after a restart, and from a snapshot. */
export function evolve(served: Served, state: Fields, event: RecordedEvent): Fields {
  return asStored(served.module.decider.evolve(state, messageOf(event), event));
}

/** Takes note of an event that is already in the state. */
export function advance(aggregate: Aggregate, event: NewEvent & { readonly sequenceNumber: number }): void {
  aggregate.version = event.sequenceNumber;
  aggregate.timestamp = event.timestamp;
  aggregate.eventId = event.eventId;
  if (event.commandId !== null && event.commandHash !== null) {
    aggregate.known.note({ commandId: event.commandId, commandHash: event.commandHash }, event.sequenceNumber);
  }
}

/** About the bytes an aggregate takes in memory. */
export function aggregateSize(aggregate: Aggregate): number {
  return 200 + 2 * jsonSize(aggregate.state) + aggregate.known.size * KNOWN_COMMAND_BYTES;
}

async function foldPages(
  store: EventStore,
  stream: Stream,
  { served, aggregate, until }: {
    served: Served;
    aggregate: Aggregate;
    until?: (event: RecordedEvent) => boolean;
  },
): Promise<void> {
  for (;;) {
    const page = await store.read(stream, { after: aggregate.version, limit: PAGE_EVENTS });
    for (const event of page) {
      if (until?.(event) === false) return;
      fold(served, aggregate, event);
    }
    if (page.length < PAGE_EVENTS) return;
  }
}

const snapshotContent = z.strictObject({
  state: z.record(z.string(), z.unknown()),
  timestamp: z.string(),
  known: z.array(z.tuple([z.string(), z.strictObject({ hash: z.string(), first: z.int(), count: z.int() })])),
});

function openSnapshot(served: Served, snapshot: Snapshot): Aggregate | undefined {
  const content = snapshotContent.safeParse(snapshot.content);
  if (!content.success) return undefined;
  const state = served.module.state.safeParse(content.data.state);
  if (!state.success) return undefined;
  return {
    state: state.data,
    version: snapshot.version,
    eventId: snapshot.eventId,
    timestamp: content.data.timestamp,
    known: new KnownCommands(content.data.known),
  };
}
