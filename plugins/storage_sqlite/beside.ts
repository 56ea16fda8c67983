import type { EventStore } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import { openForReading } from "./database.ts";
import { EventsReader } from "./events_reader.ts";
import { EVENTS_MIGRATIONS, knownMigrations } from "./migrations.ts";
import { eventsIn } from "./pending_restore.ts";
import { refusalOf } from "./sqlite_error.ts";
import { createStreamList } from "./stream_list.ts";

/** The events of a data directory, to be read beside the service that is using it, if one is. */
export type EventsBeside = Disposable & {
  readonly store: Pick<EventStore, "read">;
  readonly streamList: StreamList;
};

/** Throws a `StartError`. */
export async function openBeside(directory: string): Promise<EventsBeside> {
  const reader = openReader(await eventsIn(directory));
  return {
    store: { read: (stream, options) => Promise.resolve(reader.read(stream, options)) },
    streamList: createStreamList(() => reader),
    [Symbol.dispose]: () => reader.close(),
  };
}

function openReader(path: string): EventsReader {
  try {
    using db = openForReading(path);
    knownMigrations(db, { file: path, migrations: EVENTS_MIGRATIONS });
    return new EventsReader(path);
  } catch (error) {
    throw new StartError(refusalOf(error, path), { cause: error });
  }
}
