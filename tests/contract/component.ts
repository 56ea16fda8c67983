import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { VirtualRuntime } from "annals/testing";
import type { Branch, Component } from "../../core/ports/supervision.ts";
import type { Fault, FaultKind } from "./fault.ts";

export type OpenedComponent = AsyncDisposable & {
  readonly runtime: VirtualRuntime;
  /** Where it runs, beside others perhaps. */
  readonly branch: Branch & { tree(): Component };
  /** One call that it makes. */
  readonly fault: Fault;
  /** Where it does not run already. */
  begin?(): void;
  /** Rejects unless it does its work. */
  assertWorks(): Promise<void>;
};

/** Until a fault is met, and until it shows. */
const LONGEST_MS = 15 * 60_000;
const STEP_MS = 1_000;

/** That a component which dies, hangs or keeps failing is shown on the tree and cured, and that no other notices. */
export function componentContract(name: string, open: (kind: FaultKind) => Promise<OpenedComponent>): void {
  const cases: readonly [FaultKind, string, Expected][] = [
    ["dies", "that dies is started again", { restarts: 1, error: /^TypeError: a fault/ }],
    ["hangs", "that hangs is left behind, and may wake", { restarts: 1, error: /^Error: It hangs: it has not moved/ }],
    ["storms", "that keeps failing is held back, and works once mended", {
      restarts: 10,
      error: /^TypeError: a fault/,
    }],
  ];
  describe(`the component ${name}`, () => {
    for (const [kind, promise, expected] of cases) {
      it(promise, async () => {
        await using opened = await open(kind);
        const { runtime, fault } = opened;
        const shown = () => partOf(opened, name);
        fault.begin(kind);
        opened.begin?.();
        await advanceUntil(runtime, () => shown().restarts === expected.restarts);
        if (kind === "storms") {
          assertEquals(shown().state, "held_back");
          fault.mend();
          await runtime.advance(60_000);
        }
        await runtime.advance(STEP_MS);
        await opened.assertWorks();
        fault.mend();
        await runtime.advance(0);
        await opened.assertWorks();
        assertShown(opened, name, expected);
      });
    }
  });
}

type Expected = { readonly restarts: number; readonly error: RegExp };

function partOf({ branch }: OpenedComponent, name: string): Component {
  const found = branch.tree().children.find((each) => each.name === name);
  if (found === undefined) throw new Error(`expected ${name} on the tree`);
  return found;
}

async function advanceUntil(runtime: VirtualRuntime, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += STEP_MS) {
    if (waitedMs > LONGEST_MS) throw new Error(`expected ${holds} within ${LONGEST_MS} ms`);
    await runtime.advance(STEP_MS);
  }
}

/** It runs, with its past, and nothing happened to any other. */
function assertShown({ branch }: OpenedComponent, name: string, { restarts, error }: Expected): void {
  for (const each of branch.tree().children) {
    const isBroken = each.name === name;
    assertEquals([each.name, each.state, each.restarts], [each.name, "running", isBroken ? restarts : 0]);
    if (isBroken) assertMatch(each.lastError ?? "", error);
    else assertEquals([each.name, each.lastError], [each.name, null]);
  }
}
