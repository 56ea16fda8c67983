/** What was specified does not hold; the message says what was expected, what was found and where they part. */
export class SpecificationError extends Error {
  override readonly name = "SpecificationError";
}

const MAX_DIFFERENCES = 5;

/** Throws a `SpecificationError` unless both are the same JSON, to the last member. */
export function expectSame(what: string, actual: unknown, expected: unknown): void {
  const found = [...differences(actual, expected)];
  if (found.length === 0) return;
  const more = found.length > MAX_DIFFERENCES ? [`  and ${found.length - MAX_DIFFERENCES} more differences`] : [];
  throw new SpecificationError(
    [`${what}: not as expected`, ...found.slice(0, MAX_DIFFERENCES), ...more, `  found as a whole ${show(actual)}`]
      .join("\n"),
  );
}

/** Runs a function twice, as a pure one gives the same both times; and freezes what it gave. */
export function twice<T>(what: string, run: () => T): T {
  const first = run();
  expectSame(`${what}, run again on the same input`, run(), first);
  return freeze(first);
}

export function expectPlainJson(what: string, value: unknown): void {
  expectSame(`${what}, as JSON`, value, JSON.parse(JSON.stringify(value)));
}

/** Makes any later change of the value, at any depth, a `TypeError`. */
export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
  return value;
}

export function show(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  return value === undefined ? "nothing" : JSON.stringify(value);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function* differences(actual: unknown, expected: unknown, path = ""): Generator<string> {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    for (let at = 0; at < Math.max(actual.length, expected.length); at += 1) {
      yield* differences(actual[at], expected[at], `${path}/${at}`);
    }
  } else if (isObject(actual) && isObject(expected)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      yield* differences(actual[name], expected[name], `${path}/${name}`);
      const isAbsent = !Object.hasOwn(actual, name) || !Object.hasOwn(expected, name);
      if (isAbsent && actual[name] === expected[name]) yield `  ${path}/${name}: undefined is not the same as absent`;
    }
  } else if (!Object.is(actual, expected)) {
    yield `  ${path || "the whole"}: expected ${show(expected)}, found ${show(actual)}`;
  }
}
