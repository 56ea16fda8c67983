import { InvalidCursor } from "./read_models.ts";

/** Which list a cursor is of: the index and the value asked for, or all documents. */
export type ListName = readonly [index: string, value: string] | readonly [null];
export type Place = { readonly sort: string; readonly key: string };

/** Opaque outside: the list, and the last item's sort and key, as they are stored. */
export function encodeCursor(list: ListName, { sort, key }: Place): string {
  const bytes = new TextEncoder().encode(JSON.stringify([...list, sort, key]));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Throws `InvalidCursor` for a text that `encodeCursor` did not make for this list. */
export function decodeCursor(cursor: string, list: ListName): Place {
  const cells = parse(cursor);
  const [sort, key] = Array.isArray(cells) ? cells.slice(-2) : [];
  if (typeof sort === "string" && typeof key === "string" && encodeCursor(list, { sort, key }) === cursor) {
    return { sort, key };
  }
  throw new InvalidCursor("Cannot go on after this cursor: expected the `next` of the same list; start without one");
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(cursor, { alphabet: "base64url" })));
  } catch {
    return undefined;
  }
}
