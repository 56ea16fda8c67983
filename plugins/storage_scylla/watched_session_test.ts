import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import type { Life } from "../../core/ports/supervision.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import { TestLog } from "./cdc/test_log.ts";
import { CqlError, type CqlRow, type Statement } from "./session.ts";
import { watchedSession } from "./watched_session.ts";

const HUNG: Statement = { cql: "HUNG", values: [] };
const ANSWERED: Statement = { cql: "ANSWERED", values: [] };

describe("a watched session", () => {
  it("shows a call that has no answer although others have, and gives it up", async () => {
    await using rig = openRig();
    const hung = rig.session.execute(HUNG);
    const givenUp = assertRejects(() => hung, CqlError);
    for (let looks = 0; looks < 16; looks += 1) {
      await rig.session.execute(ANSWERED);
      await rig.runtime.advance(5_000);
    }
    assertEquals([rig.component().restarts, rig.component().lastError], [
      1,
      "Error: It hangs: it has not moved for 60 s",
    ]);
    await givenUp;
    await rig.runtime.advance(3_600_000);
    assertEquals(rig.component().restarts, 1);
  });

  it("gives up a page that does not come", async () => {
    await using rig = openRig();
    const givenUp = assertRejects(() => Array.fromAsync(rig.session.pages(HUNG)), CqlError);
    await rig.runtime.advance(80_000);
    await givenUp;
    assertEquals(rig.component().restarts, 1);
  });

  it("shows to a run what was under way when it began, and gives it up", async () => {
    await using rig = openRig();
    const again = rig.session.execute(HUNG).catch(() => rig.session.execute(HUNG));
    const givenUp = assertRejects(() => again, CqlError);
    await rig.runtime.advance(200_000);
    assertEquals(rig.component().restarts, 2);
    await givenUp;
    await rig.runtime.advance(3_600_000);
    assertEquals(rig.component().restarts, 2);
  });

  it("takes no rest for a hang, nor many calls one after the other", async () => {
    await using rig = openRig();
    for (let minutes = 0; minutes < 10; minutes += 1) {
      await rig.session.execute(ANSWERED);
      await rig.runtime.advance(600_000);
    }
    for (let calls = 0; calls < 10; calls += 1) {
      const slow = rig.session.execute({ cql: "SLOW", values: [] });
      await rig.runtime.advance(50_000);
      await slow;
    }
    assertEquals(rig.component().restarts, 0);
  });
});

/** A component that rests until it is stopped; the test makes its calls. */
function openRig() {
  const runtime = virtualRuntime({ seed: 1 });
  const never = new Promise<readonly CqlRow[]>(() => {});
  const answerTo = async ({ cql }: Statement): Promise<readonly CqlRow[]> => {
    if (cql === "SLOW") await runtime.sleep(50_000);
    return cql === "HUNG" ? await never : [];
  };
  const { session, show } = watchedSession({
    ...new TestLog({ streams: 1, setMs: 0 }).session,
    execute: answerTo,
    async *pages(statement) {
      yield await answerTo(statement);
    },
  });
  const branch = openBranch({ runtime, log: keptLog() });
  const run = (life: Life) => {
    show(life);
    return new Promise<void>((resolve) => life.signal.addEventListener("abort", () => resolve(), { once: true }));
  };
  branch.start({ name: "component", run });
  return {
    ...{ runtime, session },
    component: () => {
      const [component] = branch.tree().children;
      return { restarts: component?.restarts, lastError: component?.lastError };
    },
    [Symbol.asyncDispose]: () => branch.stop(new AbortController().signal),
  };
}
