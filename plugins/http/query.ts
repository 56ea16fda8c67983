import { type Problem, problem } from "./problems.ts";

export type Query = { readonly is: "query"; readonly values: ReadonlyMap<string, string> };

const NO_VALUES: Query = { is: "query", values: new Map() };
const WHOLE_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;
export const NO_NAMES: ReadonlySet<string> = new Set();

/** The query of a URL; a name that is not among `names`, or stands twice, is a problem. */
export function readQuery(url: string, names: ReadonlySet<string>): Query | Problem {
  const start = url.indexOf("?");
  if (start === -1) return NO_VALUES;
  const end = url.indexOf("#", start);
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(url.slice(start + 1, end === -1 ? undefined : end))) {
    if (!names.has(name)) return problem("invalid_query", { detail: unknownName(name, names) });
    if (values.has(name)) return problem("invalid_query", { detail: `${name} stands there more than once` });
    values.set(name, value);
  }
  return values.size === 0 ? NO_VALUES : { is: "query", values };
}

/** A whole number of at most 15 digits from the query, within bounds. */
export function readNumber(
  { values }: Query,
  { name, fallback, min, max }: { name: string; fallback: number; min: number; max?: number },
): { readonly is: "number"; readonly value: number } | Problem {
  const text = values.get(name);
  if (text === undefined) return { is: "number", value: fallback };
  const value = Number(text);
  if (WHOLE_NUMBER.test(text) && value >= min && (max === undefined || value <= max)) return { is: "number", value };
  const expected = max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
  return problem("invalid_query", { detail: `${name} must be a whole number ${expected}` });
}

function unknownName(name: string, names: ReadonlySet<string>): string {
  const known = names.size === 0 ? "this route takes none" : `this route knows ${[...names].join(", ")}`;
  return `${JSON.stringify(name.slice(0, 100))} is not a query parameter here; ${known}`;
}
