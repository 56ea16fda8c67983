import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { murmur2, partitionOf } from "./partitions.ts";

/** From the tests of Kafka's own `Utils.murmur2`. */
const KNOWN = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
] as const;

describe("the partition of a key", () => {
  it("is made of the hash that Kafka's own client makes", () => {
    for (const [key, hash] of KNOWN) assertEquals([key, murmur2(new TextEncoder().encode(key))], [key, hash]);
  });

  it("is positive, below the count, and the same for what is the same in UTF-8", () => {
    assertEquals(partitionOf("21", 6), (-973932308 & 0x7fffffff) % 6);
    assertEquals(partitionOf("abc", 1_000), 479470107 % 1_000);
    for (const key of ["", "ä", "漢字🎉", "x".repeat(1_000)]) {
      const partition = partitionOf(key, 6);
      assertEquals([key, partition >= 0 && partition < 6], [key, true]);
    }
  });
});
