/**
 * What is left of a value once it was stored as JSON and read again: without members that are undefined, and 0 for -0.
 * So what is folded now is what will be folded after a restart. The same object when nothing has to change. Throws a
 * `TypeError` for what JSON cannot keep, like a date or NaN.
 */
export function asStored<T>(value: T): T;
export function asStored(value: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
  if (Array.isArray(value)) return listAsStored(value);
  if (typeof value !== "object" || !isPlain(value)) {
    throw new TypeError(`Cannot store ${String(value)}: it is not JSON`);
  }
  return objectAsStored(value as Record<string, unknown>);
}

function listAsStored(list: readonly unknown[]): readonly unknown[] {
  const stored = list.map(asStored);
  return stored.every((item, at) => Object.is(item, list[at])) ? list : stored;
}

function objectAsStored(object: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    const before = object[key];
    const after = before === undefined ? undefined : asStored(before);
    if (after !== undefined && Object.is(after, before)) continue;
    copy ??= { ...object };
    if (after === undefined) delete copy[key];
    else copy[key] = after;
  }
  return copy ?? object;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
