import type { EventStore, RecordedEvent, Stream } from "../../core/ports/event_store.ts";
import { DatabaseClock } from "./database_clock.ts";
import { createEventStore } from "./event_store.ts";
import { LAYOUT, type Layout } from "./partitions.ts";
import type { CqlSession } from "./session.ts";
import { createSnapshots } from "./snapshots.ts";
import { realRuntime } from "../../tests/contract/surroundings.ts";
import { openTestSession, type TestSessionOptions, uniqueName } from "./test_storage.ts";
import { toText } from "../../core/engine/stored_text.ts";

export type TestStoreOptions = TestSessionOptions & {
  readonly layout?: Partial<Layout>;
  readonly settleMs?: number;
  /** Two stores of one name see the same streams, as two copies of the service do. */
  readonly name?: string;
  /** Stands between the store and the server. */
  readonly through?: (session: CqlSession) => CqlSession;
};

/** An event store that seems empty, on the keyspace that all tests share. */
export async function openTestStore(options: TestStoreOptions = {}) {
  const { layout, settleMs, name = uniqueName(), through = (session) => session, ...access } = options;
  const opened = await openTestSession(access);
  const session = through(opened.session);
  const store = createEventStore({
    session,
    runtime: realRuntime,
    clock: await DatabaseClock.start(opened.session, realRuntime),
    layout: { ...LAYOUT, ...layout },
    ...(settleMs === undefined ? {} : { settleMs }),
  });
  const snapshots = createSnapshots(session);
  const apart = (stream: Stream) => ({ ...stream, aggregateType: `${name}.${stream.aggregateType}` });
  return {
    session: opened.session,
    store: storeApart(store, name),
    snapshots: {
      load: (stream: Stream, fingerprint: string) => snapshots.load(apart(stream), fingerprint),
      save: (stream: Stream, snapshot: Parameters<typeof snapshots.save>[1]) => snapshots.save(apart(stream), snapshot),
    },
    /** The stream's name in the tables. */
    apart,
    async damage(stream: Stream) {
      const { aggregateType, aggregateId } = apart(stream);
      const names = [toText(aggregateType), toText(aggregateId)];
      const select = "SELECT fingerprint FROM aggregate_snapshots WHERE aggregate_type = ? AND aggregate_id = ?";
      // Of two values of one time, the greater stays: this one is no JSON.
      const insert = "INSERT INTO aggregate_snapshots (aggregate_type, aggregate_id, fingerprint, snapshot) " +
        "VALUES (?, ?, ?, '}') USING TIMESTAMP 100";
      for (const row of await opened.session.execute({ cql: select, values: names })) {
        await opened.session.execute({ cql: insert, values: [...names, String(row["fingerprint"])] });
      }
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** The same store, with the types of its streams under a name. */
function storeApart(store: EventStore, name: string): EventStore {
  const apart = (stream: Stream) => ({ ...stream, aggregateType: `${name}.${stream.aggregateType}` });
  const back = (event: RecordedEvent) => ({ ...event, aggregateType: event.aggregateType.slice(name.length + 1) });
  const { attempt } = store;
  return {
    soleWriter: store.soleWriter,
    append: (stream, options) => store.append(apart(stream), options),
    read: async (stream, options) => (await store.read(apart(stream), options)).map(back),
    version: (stream) => store.version(apart(stream)),
    ...(attempt === undefined ? {} : { attempt: (stream, options) => attempt(apart(stream), options) }),
  };
}
