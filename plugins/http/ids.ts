import { createHash } from "node:crypto";
import type { ServedView } from "../../core/engine/registry.ts";
import type { IdPattern, Principal } from "../../core/model/module.ts";

const PATTERNS: Readonly<Record<IdPattern, RegExp>> = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  text: /^(?!\.+$)[A-Za-z0-9._-]{1,128}$/,
};
const EXPECTED: Readonly<Record<IdPattern, string>> = {
  uuid: "a UUID in lower case",
  text: "1 to 128 characters of A-Z a-z 0-9 . _ - that are not only dots",
};
// deno-lint-ignore no-control-regex
const DERIVED_KEY = /^[^\u0000-\u001f\u007f]{1,512}$/;

export function isId(pattern: IdPattern, text: string): boolean {
  return PATTERNS[pattern].test(text);
}

/** What an id looks like, for whoever reads about it. */
export function idPattern(pattern: IdPattern): RegExp {
  return PATTERNS[pattern];
}

export function expectedId(pattern: IdPattern): string {
  return EXPECTED[pattern];
}

/** A document's key is the aggregate's id, unless the projection derives it: then any printable text. */
export function isDocumentKey({ projection, served }: ServedView, text: string): boolean {
  return projection.key === undefined ? isId(served.module.id, text) : DERIVED_KEY.test(text);
}

/** The id of what a keyed `POST /{path}` creates: a UUIDv8, the same for the same caller, path and key. */
export function derivedId(principal: Principal, { path, key }: { path: string; key: string }): string {
  const bytes = createHash("sha256").update(JSON.stringify([principal.sub, path, key])).digest().subarray(0, 16);
  bytes[6] = (bytes[6] ?? 0) & 0x0f | 0x80;
  bytes[8] = (bytes[8] ?? 0) & 0x3f | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
