import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { refuseJson } from "./json_limits.ts";

const LIMITS = { depth: 32, keys: 10_000 };

function refused(text: string): unknown {
  const problem = refuseJson(text, { value: JSON.parse(text), limits: LIMITS });
  return problem === undefined ? undefined : problem.errors?.[0]?.pointer ?? problem.detail;
}

function nested(depth: number, opening = "[", closing = "]"): string {
  return opening.repeat(depth) + closing.repeat(depth);
}

function keyed(count: number): string {
  return JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at])));
}

describe("refuseJson", () => {
  it("takes 32 levels and refuses 33", () => {
    assertEquals(refused(nested(32)), undefined);
    assertEquals(refused(nested(33)), `#${"/0".repeat(32)}`);
    assertEquals(refused('{"a":'.repeat(32) + "[]" + "}".repeat(32)), `#${"/a".repeat(32)}`);
  });
  it("takes many brackets that do not nest deep", () => {
    assertEquals(refused(`[${Array(500).fill("{}").join()}]`), undefined);
    assertEquals(refused(JSON.stringify("[".repeat(100))), undefined);
  });
  it("refuses the deepest text that fits a body without running out of stack", () => {
    assertEquals(refused(nested(131_072)), `#${"/0".repeat(32)}`);
  });
  it("takes 10,000 keys and refuses 10,001, however they are spread", () => {
    assertEquals(refused(keyed(10_000)), undefined);
    assertEquals(refused(keyed(10_001)), "A body has at most 10000 keys");
    assertEquals(refused(`[${Array(10_001).fill('{"":1}').join()}]`), "A body has at most 10000 keys");
    assertEquals(refused(JSON.stringify(Array(60_000).fill(1))), undefined);
  });
  it("refuses keys that JavaScript reads as more than data, at any depth", () => {
    assertEquals(refused('{"__proto__":{}}'), "#/__proto__");
    assertEquals(refused('{"a":[1,{"constructor":1}]}'), "#/a/1/constructor");
    assertEquals(refused('{"a/b":{"prototype":null}}'), "#/a~1b/prototype");
  });
  it("is not deceived by escapes", () => {
    assertEquals(refused('{"\\u005f_proto__":1}'), "#/__proto__");
  });
  it("takes these words as values", () => {
    assertEquals(refused('{"a":"__proto__","b":"constructor","c":"\\u0061"}'), undefined);
  });
});
