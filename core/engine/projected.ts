import type { Fields } from "../model/message.ts";
import type { Projection } from "../model/projection.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import { messageOf } from "./aggregate.ts";
import { asStored } from "./plain_json.ts";
import type { ServedView } from "./registry.ts";

/** The keys of the documents that an event changes. */
export function keysOf({ projection }: ServedView, event: RecordedEvent): readonly string[] {
  const keys = projection.key?.(messageOf(event), event) ?? event.aggregateId;
  return typeof keys === "string" ? [keys] : keys;
}

/** A key function that throws does so again, and is answered for, when its event is applied. */
export function keysOrNone(view: ServedView, event: RecordedEvent): readonly string[] {
  try {
    return keysOf(view, event);
  } catch {
    return [];
  }
}

/** What a handler returned, as a store gives it back; throws where that is no document of the projection. */
export function storedForm({ document }: Projection, after: Fields | undefined): Fields | undefined {
  return after === undefined ? undefined : asStored(document.parse(after));
}
