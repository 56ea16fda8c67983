const ESCAPED = /\\|\p{Surrogate}/gu;

/** Plain text as CQL can hold it: UTF-8 has no lone surrogates. */
export function toText(text: string): string {
  if (text.isWellFormed() && !text.includes("\\")) return text;
  return text.replace(ESCAPED, (character) => `\\${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function fromText(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-9a-f]{4})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
}

export function toTextOrNull(text: string | null): string | null {
  return text === null ? null : toText(text);
}

export function fromTextOrNull(text: string | null): string | null {
  return text === null ? null : fromText(text);
}

/** A key that may be the whole of a partition key, which CQL wants to have at least one character. */
export function toKey(key: string): string {
  return key === "" ? EMPTY : toText(key);
}

export function fromKey(text: string): string {
  return text === EMPTY ? "" : fromText(text);
}

/** No text escapes to it. */
const EMPTY = "\\";
