import { fromText, toText } from "../../core/engine/stored_text.ts";

/** A key that may be the whole of a partition key, which CQL wants to have at least one character. */
export function toKey(key: string): string {
  return key === "" ? EMPTY : toText(key);
}

export function fromKey(text: string): string {
  return text === EMPTY ? "" : fromText(text);
}

/** No text escapes to it. */
const EMPTY = "\\";
