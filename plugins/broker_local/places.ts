import { InvalidPlace } from "../../core/ports/broker.ts";
import type { Checkpoint } from "../../core/ports/progress.ts";

/** Right after the event, which is told by the page that follows the checkpoint (null: the first page). */
export type Place = { readonly checkpoint: Checkpoint | null; readonly eventId: string };

const EVENT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Opaque outside. */
export function placeId({ checkpoint, eventId }: Place): string {
  const bytes = new TextEncoder().encode(`${checkpoint ?? ""}.${eventId}`);
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Throws `InvalidPlace` for a text that `placeId` did not make. */
export function readPlace(id: string): Place {
  const text = decode(id);
  const end = text.lastIndexOf(".");
  const place = { checkpoint: text.slice(0, Math.max(0, end)) || null, eventId: text.slice(end + 1) };
  if (end !== -1 && EVENT_ID.test(place.eventId) && placeId(place) === id) return place;
  throw new InvalidPlace("Cannot go on after this id: expected one that a topic gave");
}

function decode(id: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(id, { alphabet: "base64url" }));
  } catch {
    return "";
  }
}
