import type { EventStore } from "../../core/ports/event_store.ts";
import type { EventsReader } from "./events_reader.ts";
import type { EventWriter } from "./event_writer.ts";

export type EventsParts = { readonly writer: EventWriter; readonly reader: () => EventsReader };

/** Appends by the writer's thread; reads on this one. The lock on the data directory makes it the sole writer. */
export function createEventStore({ writer, reader }: EventsParts): EventStore {
  return {
    soleWriter: true,
    append(stream, { expectedVersion, events }) {
      const fault = faultOf(expectedVersion, events.length);
      return fault === undefined ? writer.append(stream, expectedVersion, events) : Promise.reject(fault);
    },
    async read(stream, options) {
      return await reader().read(stream, options);
    },
    async version(stream) {
      return await reader().version(stream);
    },
  };
}

function faultOf(expectedVersion: number, events: number): TypeError | undefined {
  if (events === 0) return new TypeError("Cannot append: expected at least 1 event, found 0");
  if (Number.isSafeInteger(expectedVersion) && expectedVersion >= 0) return undefined;
  return new TypeError(`Cannot append: expected a version of at least 0, found ${expectedVersion}`);
}
