import { pointer, type Problem, problem } from "./problems.ts";

export type JsonLimits = { readonly depth: number; readonly keys: number };

const SHORTEST_KEY_LENGTH = `"":0,`.length;
const PERHAPS_FORBIDDEN = /__proto__|constructor|prototype|\\u/;
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

type Place = { readonly value: unknown; readonly depth: number; readonly key: string; readonly within?: Place };

/** Refuses what nests too deep, has too many keys, or a key that JavaScript reads as more than data. */
export function refuseJson(
  text: string,
  { value, limits }: { value: unknown; limits: JsonLimits },
): Problem | undefined {
  return maybeRefused(text, limits) ? refuseValue(value, limits) : undefined;
}

/** The text alone clears nearly every body: only the others are walked through. */
function maybeRefused(text: string, limits: JsonLimits): boolean {
  return text.length >= limits.keys * SHORTEST_KEY_LENGTH || hasMoreOpenings(text, limits.depth) ||
    PERHAPS_FORBIDDEN.test(text);
}

function hasMoreOpenings(text: string, limit: number): boolean {
  if (text.length <= 2 * limit) return false;
  let count = 0;
  for (const opening of ["{", "["]) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) {
      if (++count > limit) return true;
    }
  }
  return false;
}

function refuseValue(root: unknown, limits: JsonLimits): Problem | undefined {
  const places: Place[] = [{ value: root, depth: 1, key: "" }];
  let keys = 0;
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { value, depth } = place;
    if (typeof value !== "object" || value === null) continue;
    if (depth > limits.depth) return refused(place, `Nothing may nest deeper than ${limits.depth} levels`);
    const isList = Array.isArray(value);
    for (const [key, inner] of Object.entries(value)) {
      const next = { value: inner, depth: depth + 1, key, within: place };
      if (!isList && ++keys > limits.keys) {
        return problem("invalid_body", { detail: `A body has at most ${limits.keys} keys` });
      }
      if (!isList && FORBIDDEN_KEYS.has(key)) return refused(next, "This key is not allowed");
      places.push(next);
    }
  }
  return undefined;
}

function refused(place: Place, detail: string): Problem {
  const path: string[] = [];
  for (let at: Place | undefined = place; at?.within !== undefined; at = at.within) path.unshift(at.key);
  return problem("invalid_body", { errors: [{ pointer: pointer(path), detail }] });
}
