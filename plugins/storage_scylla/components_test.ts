import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { FaultKind } from "../../tests/contract/fault.ts";
import { COMPONENTS, openComponents } from "./test_components.ts";

const CARE = "care_of_slice_0_for_sample";
/** It does its work once, as they begin, and is then off the tree. */
const ENDS = "scan_for_sample";
/** Until a fault is met, and until it shows. */
const LONGEST_MS = 150_000;
const STEP_MS = 25;

type Opened = Awaited<ReturnType<typeof openBroken>>;

for (const name of COMPONENTS) {
  describe(`the component ${name}`, () => {
    it("that dies is started again", async () => {
      await using the = await openBroken(name, "dies");
      await the.until(() => the.shown().restarts === 1);
      assertShown(the, { restarts: 1, error: /^TypeError: a fault/ });
      await assertWorks(the);
      assertShown(the, { restarts: 1, error: /^TypeError: a fault/ });
    });

    it("that hangs is left behind, and may wake", async () => {
      await using the = await openBroken(name, "hangs");
      await the.until(() => the.shown().restarts === 1);
      assertShown(the, { restarts: 1, error: /^Error: It hangs: it has not moved for 60 s/ });
      await assertWorks(the);
      the.fault.mend();
      await assertWorks(the);
      assertShown(the, { restarts: 1, error: /^Error: It hangs/ });
    });

    it("that keeps failing is held back, and does its work once it is mended", async () => {
      await using the = await openBroken(name, "storms");
      await the.until(() => the.shown().state === "held_back");
      assertEquals([the.tree().restarts, the.tree().lastError], [1, `${name}: TypeError: a fault`]);
      assertShown(the, { restarts: 10, error: /^TypeError: a fault/ });
      the.fault.mend();
      await the.runtime.advance(60_000);
      await assertWorks(the);
      assertShown(the, { restarts: 10, error: /^TypeError: a fault/ });
    });
  });
}

describe("the care of a slice", () => {
  it("that has died by one half does not go on by the other beside the next one", async () => {
    const askedInTenMinutes = async (kind?: FaultKind) => {
      await using the = await openComponents(kind === undefined ? undefined : { name: CARE, kind });
      await the.runtime.advance(20 * 60_000);
      const before = the.asked(CARE);
      await the.runtime.advance(10 * 60_000);
      return the.asked(CARE) - before;
    };
    assertEquals(await askedInTenMinutes("dies"), await askedInTenMinutes());
  });
});

describe("the tree of the cluster store", () => {
  it("has no component of which nobody shows how it fails", async () => {
    await using the = await openComponents({ name: ENDS, kind: "hangs" });
    await the.runtime.advance(1_000);
    const names = the.tree().children.map(({ name }) => name);
    assertEquals(names.toSorted(), [...COMPONENTS].toSorted());
  });
});

async function openBroken(name: string, kind: FaultKind) {
  const opened = await openComponents(name === ENDS ? { name, kind } : undefined);
  const { runtime } = opened;
  const fault = opened.faultOf(name);
  if (name !== ENDS) {
    await runtime.advance(5_000);
    fault.begin(kind);
  }
  return {
    ...{ ...opened, name, fault },
    shown: () => opened.tree().children.find((each) => each.name === name) ?? { state: "ended", restarts: 0 },
    async until(holds: () => boolean): Promise<void> {
      for (let waitedMs = 0; !holds(); waitedMs += STEP_MS) {
        if (waitedMs > LONGEST_MS) throw new Error(`expected ${holds} of ${name} within ${LONGEST_MS} ms`);
        await runtime.advance(STEP_MS);
      }
    },
  };
}

/** It asks again for what it asks for. */
async function assertWorks({ name, asked, runtime, tree }: Opened): Promise<void> {
  const before = asked(name);
  await runtime.advance(65_000);
  if (name !== ENDS) return assertGreater(asked(name), before);
  assertGreater(asked(name), 1);
  assertEquals(tree().children.find((each) => each.name === name), undefined);
}

/** The component is so, unless it has ended, and nothing happened to any other. */
function assertShown({ name, tree }: Opened, { restarts, error }: { restarts: number; error: RegExp }): void {
  for (const each of tree().children) {
    const isBroken = each.name === name;
    assertEquals([each.name, each.restarts], [each.name, isBroken ? restarts : 0]);
    if (isBroken) assertMatch(each.lastError ?? "", error);
    else assertEquals([each.name, each.state, each.lastError], [each.name, "running", null]);
  }
}
