const ESCAPED = /[\\\0]|\p{Surrogate}/gu;

/** Plain text as any store can hold it: without NULs, at which SQLite would cut it, and without lone surrogates. */
export function toText(text: string): string {
  if (text.isWellFormed() && !text.includes("\\") && !text.includes("\0")) return text;
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
