import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { asStored } from "../../core/engine/plain_json.ts";

Deno.test("asStored gives what JSON would give back", () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      leaf,
      fc.constant(null),
      fc.array(tie("any")),
      fc.dictionary(fc.string(), fc.option(tie("any"), { nil: undefined })),
    ),
  })).any;
  fc.assert(fc.property(value, (each) => assertEquals(asStored(each), JSON.parse(JSON.stringify(each)))));
});

Deno.test("asStored keeps the object that has nothing to lose, and does not change the one that has", () => {
  const whole = { a: 1, b: [{ c: null }] };
  assertStrictEquals(asStored(whole), whole);
  const partly = { a: undefined, b: [{ c: -0, d: undefined }] };
  const stored = asStored(partly);
  assertEquals(Object.keys(stored), ["b"]);
  assert(Object.is(stored.b[0]?.c, 0));
  assert("a" in partly && Object.is(partly.b[0]?.c, -0));
});

Deno.test("asStored refuses what JSON would lose", () => {
  for (
    const value of [new Date(0), NaN, Infinity, 1n, Symbol("s"), () => 1, new Map(), new Uint8Array(1), [undefined]]
  ) {
    assertThrows(() => asStored({ value }), TypeError, "is not JSON");
  }
});
