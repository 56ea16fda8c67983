import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

type Pair = { name: string; passes: () => void; fails: () => void };

const sparse = new Array<number>(1);
const bare: Record<string, unknown> = Object.assign(Object.create(null), { id: 1 });
const loop: Record<string, unknown> = { id: 1 };
loop.self = loop;

const pairs: Pair[] = [
  { name: "assert", passes: () => assert(1), fails: () => assert(0) },
  { name: "assertFalse", passes: () => assertFalse(0), fails: () => assertFalse(1) },
  { name: "assertEquals", passes: () => assertEquals([{ a: 1 }], [{ a: 1 }]), fails: () => assertEquals([1], [2]) },
  {
    name: "assertEquals of undefined fields",
    passes: () => assertEquals<object>({ a: undefined }, { a: undefined }),
    fails: () => assertEquals<object>({ a: undefined }, {}),
  },
  {
    name: "assertEquals of an object without prototype",
    passes: () => assertEquals(bare, { id: 1 }),
    fails: () => assertEquals(bare, { id: 2 }),
  },
  { name: "assertEquals of zeros", passes: () => assertEquals([0], [-0]), fails: () => assertEquals([0], [1]) },
  { name: "assertEquals of holes", passes: () => assertEquals(sparse, sparse), fails: () => assertEquals(sparse, []) },
  {
    name: "assertEquals of dates",
    passes: () => assertEquals(new Date(1), new Date(1)),
    fails: () => assertEquals(new Date(1), new Date(2)),
  },
  {
    name: "assertEquals of URLs",
    passes: () => assertEquals(new URL("http://a/"), new URL("http://a/")),
    fails: () => assertEquals(new URL("http://a/"), new URL("http://b/")),
  },
  {
    name: "assertEquals of bytes",
    passes: () => assertEquals(new Uint8Array([1]), new Uint8Array([1])),
    fails: () => assertEquals(new Uint8Array([1]), new Uint8Array([2])),
  },
  {
    name: "assertEquals of maps",
    passes: () => assertEquals(new Map([["a", bare]]), new Map([["a", { id: 1 }]])),
    fails: () => assertEquals(new Map([["a", bare]]), new Map([["a", { id: 2 }]])),
  },
  {
    name: "assertEquals of cycles",
    passes: () => assertEquals(loop, structuredClone(loop)),
    fails: () => assertEquals(loop, { id: 1 }),
  },
  {
    name: "assertEquals of a class and its likeness",
    passes: () => assertEquals(new AssertionError("a").name, "AssertionError"),
    fails: () => assertEquals<object>(new (class Named {})(), {}),
  },
  { name: "assertNotEquals", passes: () => assertNotEquals([1], [2]), fails: () => assertNotEquals([1], [1]) },
  { name: "assertStrictEquals", passes: () => assertStrictEquals(1, 1), fails: () => assertStrictEquals({}, {}) },
  { name: "assertExists", passes: () => assertExists(0), fails: () => assertExists(null) },
  { name: "assertMatch", passes: () => assertMatch("abc", /b/), fails: () => assertMatch("abc", /d/) },
  {
    name: "assertStringIncludes",
    passes: () => assertStringIncludes("abc", "b"),
    fails: () => assertStringIncludes("abc", "d"),
  },
  {
    name: "assertArrayIncludes",
    passes: () => assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]),
    fails: () => assertArrayIncludes([{ a: 1 }], [{ a: 2 }]),
  },
  {
    name: "assertObjectMatch",
    passes: () => assertObjectMatch({ a: { b: 1, c: 2 }, d: [1, 2] }, { a: { b: 1 }, d: [1] }),
    fails: () => assertObjectMatch({ a: { b: 1, c: 2 } }, { a: { b: 2 } }),
  },
  {
    name: "assertObjectMatch of a missing field",
    passes: () => assertObjectMatch({ a: 1 }, { a: 1 }),
    fails: () => assertObjectMatch({ a: 1 }, { b: undefined }),
  },
  {
    name: "assertObjectMatch of maps",
    passes: () =>
      assertObjectMatch({ m: new Map([["a", { b: 1, c: 2 }], ["d", {}]]) }, { m: new Map([["a", { b: 1 }]]) }),
    fails: () => assertObjectMatch({ m: new Map([["a", { b: 1 }]]) }, { m: new Map([["a", { b: 2 }]]) }),
  },
  {
    name: "assertObjectMatch of sets",
    passes: () => assertObjectMatch({ s: new Set([1, 2]) }, { s: new Set([1]) }),
    fails: () => assertObjectMatch({ s: new Set([1, 2]) }, { s: new Set([3]) }),
  },
  {
    name: "assertInstanceOf",
    passes: () => assertInstanceOf(new TypeError(), Error),
    fails: () => assertInstanceOf(new Error(), TypeError),
  },
  { name: "assertGreater", passes: () => assertGreater(2, 1), fails: () => assertGreater(1, 1) },
  { name: "assertGreaterOrEqual", passes: () => assertGreaterOrEqual(1, 1), fails: () => assertGreaterOrEqual(0, 1) },
  { name: "assertLess", passes: () => assertLess(1, 2), fails: () => assertLess(1, 1) },
  { name: "assertLessOrEqual", passes: () => assertLessOrEqual(1, 1), fails: () => assertLessOrEqual(2, 1) },
  {
    name: "assertAlmostEquals",
    passes: () => assertAlmostEquals(0.1 + 0.2, 0.3),
    fails: () => assertAlmostEquals(0.1, 0.2, 0.05),
  },
  { name: "fail", passes: () => {}, fails: () => fail("reason") },
  { name: "unreachable", passes: () => {}, fails: () => unreachable() },
  {
    name: "assertThrows",
    passes: () => assertThrows(() => JSON.parse("{"), SyntaxError, "JSON"),
    fails: () => assertThrows(() => JSON.parse("{"), TypeError),
  },
  {
    name: "assertThrows of nothing",
    passes: () => assertThrows(() => JSON.parse("{")),
    fails: () => assertThrows(() => JSON.parse("{}")),
  },
  {
    name: "assertThrows by message",
    passes: () => assertThrows(() => fail("one"), AssertionError, "one"),
    fails: () => assertThrows(() => fail("one"), AssertionError, "two"),
  },
];

for (const { name, passes, fails } of pairs) {
  Deno.test(`${name} accepts and refuses`, () => {
    passes();
    let thrown: unknown;
    try {
      fails();
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof AssertionError)) throw new Error(`expected an AssertionError, found ${thrown}`);
  });
}

Deno.test("assertThrows returns the error", () => {
  const error = assertThrows(() => fail("one"), AssertionError);
  assertEquals(error.message, "one");
});

Deno.test("assertEquals names the reason given and shows the difference", () => {
  const error = assertThrows(() => assertEquals({ a: 1 }, { a: 2 }, "after replay"), AssertionError, "after replay");
  assertStringIncludes(error.message, "a: 2");
});

Deno.test("assertRejects returns the error of the promise", async () => {
  const error = await assertRejects(() => Promise.reject(new RangeError("far")), RangeError, "far");
  assertEquals(error.message, "far");
});

Deno.test("assertRejects refuses a promise kept, a throw before the promise, another class", async () => {
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "found the result 1");
  await assertRejects(() => assertRejects(() => fail("early")), AssertionError, "synchronous throw");
  await assertRejects(() => assertRejects(() => Promise.reject(new Error()), TypeError), AssertionError, "TypeError");
});
