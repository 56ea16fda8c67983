import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { backoffMs, RETRY_POLICIES } from "./retry.ts";

const LONGEST = { random: () => 1 };
const SHORTEST = { random: () => 0 };

describe("the delay after a failure", () => {
  for (
    const [policy, longestMs] of [
      ["default", [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]],
      ["aggressive", [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]],
      ["conservative", [200, 400, 800, 1_600, 3_200, 5_000, 5_000]],
    ] as const
  ) {
    it(`doubles up to the longest one of the ${policy} policy, the upper half of it by chance`, () => {
      const delaysOf = (runtime: typeof LONGEST) =>
        longestMs.map((_, at) => backoffMs(at + 1, runtime, RETRY_POLICIES[policy]));
      assertEquals(delaysOf(LONGEST), [...longestMs]);
      assertEquals(delaysOf(SHORTEST), longestMs.map((ms) => ms / 2));
      const last = longestMs.at(-1);
      assertEquals(backoffMs(100_000, LONGEST, RETRY_POLICIES[policy]), last);
    });
  }
});
