import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DenoTests } from "./deno_tests.ts";

const PASSING = `Deno.test("a", async (t) => { await t.step("s", () => {}); }); Deno.test("b", () => {});`;
const FAILING = `Deno.test("c", () => { throw new Error("no"); }); Deno.test("d", () => {});`;
const IGNORED = `Deno.test.ignore("e", () => {}); Deno.test("f", () => {});`;
const HANGING =
  `Deno.test("g", async () => { console.log("hangs"); await new Promise((r) => setTimeout(r, 60_000)); });`;

describe("DenoTests", () => {
  it("adds up the results of its runs and keeps the first failure's code", async () => {
    await using rig = await startRig({ PASSING, FAILING, IGNORED });
    for (const name of ["PASSING", "IGNORED"]) await rig.run(name);
    assertEquals(rig.counts(), { passed: 3, failed: 0, ignored: 1, code: 0 });
    for (const name of ["FAILING", "PASSING"]) await rig.run(name);
    assertEquals(rig.counts(), { passed: 6, failed: 1, ignored: 1, code: 1 });
    assertStringIncludes(rig.shown(), "FAILED | 1 passed | 1 failed");
  });

  it("fails without a failed test where none could be run", async () => {
    await using rig = await startRig({ BROKEN: "const a: string = 1;" });
    await rig.run("BROKEN");
    assertEquals(rig.counts(), { passed: 0, failed: 0, ignored: 0, code: 1 });
  });

  it("gives the environment and the flags to the tests", async () => {
    const source = `Deno.test("env", () => { if (Deno.env.get("CASSANDRA") !== "there") throw new Error("no"); });`;
    await using rig = await startRig({ ENVIRONMENT: source });
    await rig.run("ENVIRONMENT", ["--allow-env=CASSANDRA", "--no-prompt"]);
    assertEquals(rig.counts(), { passed: 1, failed: 0, ignored: 0, code: 0 });
  });

  it("ends a run and starts no other once it is interrupted", async () => {
    await using rig = await startRig({ HANGING, PASSING });
    const running = rig.run("HANGING", ["--no-check"]);
    await rig.whenShown("hangs");
    rig.tests.interrupt();
    await running;
    await rig.run("PASSING");
    assertEquals(rig.counts(), { passed: 0, failed: 0, ignored: 0, code: 130 });
  });
});

async function startRig(sources: Readonly<Record<string, string>>) {
  const directory = await Deno.makeTempDir(); // What is in `data` is no test to Deno.
  for (const [name, source] of Object.entries(sources)) {
    await Deno.writeTextFile(`${directory}/${name}_test.ts`, `${source}\nexport {};\n`);
  }
  let shown = "";
  let more = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const tests = new DenoTests(
    new WritableStream({
      write(chunk) {
        shown += decoder.decode(chunk);
        more.resolve();
        more = Promise.withResolvers();
      },
    }),
  );
  return {
    tests,
    shown: () => shown,
    async whenShown(text: string) {
      while (!shown.includes(text)) await more.promise;
    },
    run: (name: string, flags: readonly string[] = []) =>
      tests.run({ files: [`${directory}/${name}_test.ts`], flags, environment: { CASSANDRA: "there", NO_COLOR: "1" } }),
    counts: () => ({ passed: tests.passed, failed: tests.failed, ignored: tests.ignored, code: tests.code }),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}
