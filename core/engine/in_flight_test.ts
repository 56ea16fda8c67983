import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inFlight } from "./in_flight.ts";

describe("work in flight", () => {
  it("is done for all, never more than so many at a time", async () => {
    let now = 0;
    let most = 0;
    const done: number[] = [];
    await inFlight(Array.from({ length: 20 }, (_, at) => at), 3, async (at) => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
      done.push(at);
    });
    assertEquals([most, now, done.toSorted((a, b) => a - b)], [3, 0, Array.from({ length: 20 }, (_, at) => at)]);
  });

  it("ends with the first error, and only when nothing is under way any more", async () => {
    const slow = Promise.withResolvers<void>();
    const begun: number[] = [];
    let ended = false;
    const all = inFlight([0, 1, 2, 3, 4], 2, async (at) => {
      begun.push(at);
      if (at === 1) throw new Error("one");
      if (at === 0) await slow.promise;
    }).finally(() => ended = true);
    await Promise.resolve();
    assertEquals(ended, false);
    slow.resolve();
    await assertRejects(() => all, Error, "one");
    assertEquals(begun, [0, 1]);
  });
});
