/** The names and meanings of `@std/assert`, over `node:assert/strict`, for machines that reach only npm. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

type ErrorClass<E> = abstract new (...args: never[]) => E;
type Wanted = [errorClass?: ErrorClass<Error> | string, messageIncludes?: string, message?: string];

export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

export function assert(expression: unknown, message = "expected a truthy value"): asserts expression {
  if (!expression) fail(message);
}

export function assertFalse(expression: unknown, message?: string): asserts expression is false {
  if (expression) fail(`expected a falsy value, found ${Deno.inspect(expression)}`, message);
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  translate(() => deepStrictEqual(comparable(actual), comparable(expected)), message);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) fail(`expected anything but ${Deno.inspect(expected)}, found an equal value`, message);
}

export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  translate(() => strictEqual(actual, expected), message);
}

export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) fail(`expected a value, found ${actual}`, message);
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (!expected.test(actual)) fail(`expected a match of ${expected}, found ${Deno.inspect(actual)}`, message);
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (actual.includes(expected)) return;
  fail(`expected text with ${Deno.inspect(expected)}, found ${Deno.inspect(actual)}`, message);
}

export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, message?: string): void {
  const found = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !found.some((candidate) => equal(candidate, item)));
  if (missing.length > 0) fail(`expected also ${Deno.inspect(missing)}, found ${Deno.inspect(found)}`, message);
}

/** Compares only what `expected` names, at any depth; a longer actual array matches by its first items. */
export function assertObjectMatch(actual: object, expected: Record<PropertyKey, unknown>, message?: string): void {
  assertEquals(matching(actual, expected), matching(expected, expected), message);
}

export function assertInstanceOf<E>(actual: unknown, expected: ErrorClass<E>, message?: string): asserts actual is E {
  if (actual instanceof expected) return;
  fail(`expected an instance of ${expected.name}, found ${Deno.inspect(actual)}`, message);
}

export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  if (!(actual > expected)) {
    fail(`expected more than ${Deno.inspect(expected)}, found ${Deno.inspect(actual)}`, message);
  }
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (actual >= expected) return;
  fail(`expected at least ${Deno.inspect(expected)}, found ${Deno.inspect(actual)}`, message);
}

export function assertLess<T>(actual: T, expected: T, message?: string): void {
  if (!(actual < expected)) {
    fail(`expected less than ${Deno.inspect(expected)}, found ${Deno.inspect(actual)}`, message);
  }
}

export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (actual <= expected) return;
  fail(`expected at most ${Deno.inspect(expected)}, found ${Deno.inspect(actual)}`, message);
}

export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(expected - actual) <= allowed) return;
  fail(`expected ${expected} within ${allowed}, found ${actual}`, message);
}

export function assertThrows(fn: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): E;
export function assertThrows(fn: () => unknown, ...wanted: Wanted): unknown {
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    return checkedError(error, wanted);
  }
  fail(`expected a throw, found the result ${Deno.inspect(result)}`, reasonOf(wanted));
}

export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(fn: () => PromiseLike<unknown>, ...wanted: Wanted): Promise<unknown> {
  const promise = startedPromise(fn, reasonOf(wanted));
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    return checkedError(error, wanted);
  }
  fail(`expected a rejection, found the result ${Deno.inspect(result)}`, reasonOf(wanted));
}

export function fail(finding = "failed", message?: string): never {
  throw new AssertionError(message === undefined ? finding : `${finding}: ${message}`);
}

export function unreachable(message?: string): never {
  fail("expected this line never to run", message);
}

function startedPromise(fn: () => PromiseLike<unknown>, message?: string): PromiseLike<unknown> {
  let promise: unknown;
  try {
    promise = fn();
  } catch (error) {
    fail(`expected a rejection, found a synchronous throw of ${Deno.inspect(error)}`, message);
  }
  if (isPromiseLike(promise)) return promise;
  fail(`expected a promise, found ${Deno.inspect(promise)}`, message);
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function checkedError(error: unknown, wanted: Wanted): unknown {
  const [errorClass, messageIncludes] = wanted;
  if (typeof errorClass !== "function") return error;
  assertInstanceOf(error, errorClass, reasonOf(wanted));
  if (messageIncludes !== undefined) assertStringIncludes(error.message, messageIncludes, reasonOf(wanted));
  return error;
}

function reasonOf([errorClass, _messageIncludes, message]: Wanted): string | undefined {
  return typeof errorClass === "string" ? errorClass : message;
}

function translate(check: () => void, message?: string): void {
  try {
    check();
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error), message);
  }
}

function equal(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(comparable(left), comparable(right));
}

/** `@std/assert` calls 0 and -0 equal, also an object without a prototype and a literal; node does not. */
function comparable(value: unknown, seen = new Map<unknown, unknown>()): unknown {
  if (value === 0) return 0;
  if (value instanceof URL || value instanceof URLSearchParams) return { [value.constructor.name]: String(value) };
  if (!isContainer(value)) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (value instanceof Map) {
    const copy = new Map();
    seen.set(value, copy);
    for (const [key, item] of value) copy.set(comparable(key, seen), comparable(item, seen));
    return copy;
  }
  const copy: unknown[] | Record<PropertyKey, unknown> = Array.isArray(value) ? new Array(value.length) : {};
  seen.set(value, copy);
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (!property?.enumerable) continue;
    const own = {
      value: comparable(Reflect.get(value, key), seen),
      enumerable: true,
      configurable: true,
      writable: true,
    };
    Object.defineProperty(copy, key, own);
  }
  return copy;
}

function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || [Object.prototype, Array.prototype, Map.prototype].includes(prototype);
}

function matching(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((item, index) => matching(item, expected[index]));
  }
  if (actual instanceof Map && expected instanceof Map) {
    const shared = [...actual].filter(([key]) => expected.has(key));
    return new Map(shared.map(([key, item]) => [key, matching(item, expected.get(key))]));
  }
  if (actual instanceof Set && expected instanceof Set) return actual.intersection(expected);
  if (!isRecord(actual) || !isRecord(expected)) return actual;
  const shared = Reflect.ownKeys(expected).filter((key) => Object.hasOwn(actual, key));
  return Object.fromEntries(shared.map((key) => [key, matching(actual[key], expected[key])]));
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Date) && !(value instanceof RegExp);
}
