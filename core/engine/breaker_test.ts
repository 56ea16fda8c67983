import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { Breaker, type BreakerState } from "./breaker.ts";

function openBreaker() {
  const runtime = virtualRuntime({ seed: 1 });
  const became: BreakerState[] = [];
  const breaker = new Breaker({ runtime, openMs: 30_000, onTransition: (to) => became.push(to) });
  const fail = (times: number) => {
    for (let at = 0; at < times; at += 1) breaker.failed();
  };
  return { runtime, became, breaker, fail };
}

describe("a breaker", () => {
  it("opens at the fifth failure in a row, and not when a success came between", () => {
    const { breaker, fail } = openBreaker();
    fail(4);
    breaker.succeeded();
    fail(4);
    assertEquals([breaker.state, breaker.waitMs()], ["closed", 0]);
    fail(1);
    assertEquals([breaker.state, breaker.waitMs()], ["open", 30_000]);
  });

  it("lets a call try after its time, and closes at the third success in a row", async () => {
    const { runtime, became, breaker, fail } = openBreaker();
    fail(5);
    await runtime.advance(29_999);
    assertEquals([breaker.waitMs(), breaker.state], [1, "open"]);
    await runtime.advance(1);
    assertEquals([breaker.waitMs(), breaker.state], [0, "half_open"]);
    breaker.succeeded();
    breaker.succeeded();
    assertEquals(breaker.state, "half_open");
    breaker.succeeded();
    assertEquals(became, ["open", "half_open", "closed"]);
  });

  it("opens again, for the whole time, at the first failure while half open", async () => {
    const { runtime, became, breaker, fail } = openBreaker();
    fail(5);
    await runtime.advance(30_000);
    breaker.waitMs();
    breaker.succeeded();
    breaker.succeeded();
    breaker.failed();
    assertEquals([breaker.state, breaker.waitMs()], ["open", 30_000]);
    assertEquals(became, ["open", "half_open", "open"]);
  });
});
