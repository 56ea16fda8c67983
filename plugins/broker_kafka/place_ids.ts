import { InvalidPlace } from "../../core/ports/broker.ts";

/**
 * Right after a message: the offsets from which to go on, by partition, and which message that was, so that an id is
 * known for one of this topic and of no other, nor of one of the same name that was there before.
 */
export type Place = { readonly next: readonly number[]; readonly partition: number; readonly eventId: string };

const EVENT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MAX_CHARACTERS = 20_000;

/** Opaque outside. */
export function placeId({ next, partition, eventId }: Place): string {
  const text = [partition.toString(36), eventId, ...next.map((offset) => offset.toString(36))].join(".");
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Throws `InvalidPlace` for a text that `placeId` did not make. */
export function readPlace(id: string): Place {
  const [partitionText = "", eventId = "", ...offsets] = decode(id).split(".");
  const place = { partition: parseInt(partitionText, 36), eventId, next: offsets.map((text) => parseInt(text, 36)) };
  const numbers = [place.partition, ...place.next];
  const isSound = EVENT_ID.test(eventId) && numbers.every((each) => Number.isSafeInteger(each) && each >= 0) &&
    place.partition < offsets.length;
  if (isSound && placeId(place) === id) return place;
  throw new InvalidPlace("Cannot go on after this id: expected one that a topic gave");
}

function decode(id: string): string {
  if (id.length > MAX_CHARACTERS) return "";
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(id, { alphabet: "base64url" }));
  } catch {
    return "";
  }
}
