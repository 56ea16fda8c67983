/** About how many bytes a plain JSON value takes as text; close enough to bound memory and commits with. */
export function jsonSize(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 8;
  let size = 2;
  if (Array.isArray(value)) {
    for (const item of value) size += jsonSize(item) + 1;
    return size;
  }
  // A list of the entries would cost more than all the rest, for each command several times.
  for (const key in value) size += key.length + 4 + jsonSize((value as Readonly<Record<string, unknown>>)[key]);
  return size;
}
