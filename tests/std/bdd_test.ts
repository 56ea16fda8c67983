import { assertEquals, assertThrows } from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";

const order: string[] = [];
const failing = collect(() =>
  describe("suite", () => {
    afterEach(() => void order.push("after failing"));
    it("fails", () => {
      throw new Error("broken");
    });
    it("still runs", () => {});
  })
);

const top: string[] = [];
beforeAll(() => void top.push("first"));
beforeEach(() => void top.push("each"));

assertThrows(() => describe("promise", (() => Promise.resolve()) as () => void), TypeError, "synchronously");

describe("bdd", () => {
  it("runs hooks of the top once before all, and before each case", () => {
    assertEquals(top, ["first", "each"]);
  });

  describe("nested", () => {
    beforeAll(() => void order.push("all"));
    beforeEach(() => void order.push("outer"));
    afterEach(() => void order.push("outer end"));
    afterAll(() => void order.push("all end"));

    it("first", () => void order.push("first"));

    describe("deeper", () => {
      beforeEach(() => void order.push("inner"));
      afterEach(() => void order.push("inner end"));
      it("second", (context) => void order.push(context.name));
    });
  });

  it("runs hooks from the outside in and back, in the order of declaration", () => {
    const first = ["all", "outer", "first", "outer end"];
    assertEquals(order, [...first, "outer", "inner", "second", "inner end", "outer end", "all end"]);
  });

  it("reports a failing case as a failed step, runs its afterEach and goes on", async () => {
    order.length = 0;
    assertEquals(await steps(failing), { fails: "broken", "still runs": "passed" });
    assertEquals(order, ["after failing", "after failing"]);
  });

  it("refuses a case declared while tests run", () => {
    assertThrows(() => it("late", () => {}), Error, "before the first test runs");
  });
});

type TestFunction = (context: Deno.TestContext) => void | Promise<void>;

/** Declares without registering, so that a failing suite does not fail this file. */
function collect(declare: () => void): TestFunction {
  const original = Deno.test;
  let collected: TestFunction | undefined;
  const collector = (_name: string, fn: TestFunction) => void (collected = fn);
  Object.defineProperty(Deno, "test", { value: collector, configurable: true, writable: true });
  try {
    declare();
  } finally {
    Object.defineProperty(Deno, "test", { value: original, configurable: true, writable: true });
  }
  if (!collected) throw new Error("expected describe to call Deno.test, found no call; see testing/bdd.ts");
  return collected;
}

async function steps(fn: TestFunction): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  const context = {
    step: async (name: string, step: TestFunction) => {
      results[name] = await Promise.resolve(step(context)).then(() => "passed", (error: Error) => error.message);
    },
  } as unknown as Deno.TestContext;
  await fn(context);
  return results;
}
