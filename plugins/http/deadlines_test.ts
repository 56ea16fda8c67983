import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../core/testing.ts";
import { Deadlines } from "./deadlines.ts";

const NEVER = new Promise<string>(() => {});

describe("Deadlines", () => {
  it("give what is done in time", async () => {
    const deadlines = new Deadlines(virtualRuntime({ seed: 1 }), 5000);
    assertEquals(await deadlines.race(Promise.resolve(7), "late"), 7);
    await assertRejects(() => deadlines.race(Promise.reject(new TypeError("broken")), "late"), TypeError, "broken");
    deadlines.stop();
  });
  it("call each late at its own time, or a look later", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const deadlines = new Deadlines(runtime, 5000);
    const late: [string, number][] = [];
    for (let at = 0; at < 3; at++) {
      deadlines.race(NEVER, "late").then((outcome) => late.push([outcome, runtime.monotonicMs()]));
      await runtime.advance(1000);
    }
    await runtime.advance(10_000);
    assertEquals(late, [["late", 5100], ["late", 6100], ["late", 7100]]);
  });
  it("share one timer, and need none when nothing is pending", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const deadlines = new Deadlines(runtime, 5000);
    for (let at = 0; at < 100; at++) deadlines.race(NEVER, "late");
    await runtime.advance(0);
    assertEquals(runtime.pending, 1);
    await runtime.advance(5100);
    assertEquals(runtime.pending, 0);
  });
  it("leave no timer behind once stopped", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const deadlines = new Deadlines(runtime, 5000);
    deadlines.race(NEVER, "late");
    await runtime.advance(0);
    deadlines.stop();
    await runtime.advance(0);
    assertEquals(runtime.pending, 0);
  });
});
