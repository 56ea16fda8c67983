import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { RateLimiter } from "./rate_limit.ts";

describe("RateLimiter", () => {
  it("allows each address so many requests in a span, then says how long to wait", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const limiter = new RateLimiter({ requests: 2, seconds: 60 }, runtime);
    assertEquals(["a", "a", "b"].map((address) => limiter.waitSeconds(address)), [0, 0, 0]);
    await runtime.advance(10_500);
    assertEquals(["a", "b", "b"].map((address) => limiter.waitSeconds(address)), [50, 0, 50]);
    await runtime.advance(49_500);
    assertEquals(limiter.waitSeconds("a"), 0);
  });
  it("keeps a bounded number of addresses, and lets the rest share", () => {
    const limiter = new RateLimiter({ requests: 1, seconds: 60 }, virtualRuntime({ seed: 1 }));
    for (let at = 0; at < 100_000; at++) limiter.waitSeconds(`address-${at}`);
    assertEquals([limiter.waitSeconds("new"), limiter.waitSeconds("other"), limiter.waitSeconds("address-7")], [
      0,
      60,
      60,
    ]);
  });
});
