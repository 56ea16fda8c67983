import { type Call, rawPath } from "./call.ts";
import type { Problem } from "./problems.ts";
import { type Query, readNumber } from "./query.ts";

const PAGE_SIZE = 100;

export function readLimit(query: Query, max: number): ReturnType<typeof readNumber> | Problem {
  return readNumber(query, { name: "limit", fallback: Math.min(PAGE_SIZE, max), min: 1, max });
}

/** The `Link` to the page after this one (RFC 8288), which asks the same otherwise. */
export function nextLink(
  { request }: Call,
  { query, next }: { query: Query; next: string | null },
): Readonly<Record<string, string>> {
  if (next === null) return {};
  const values = new URLSearchParams([...query.values]);
  values.set("after", next);
  return { link: `<${rawPath(request.url)}?${values}>; rel="next"` };
}
