import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Shares } from "./shares.ts";

describe("Shares", () => {
  it("give each so many places, and all together so many, until one is left", () => {
    const shares = new Shares(3);
    const [first, second, third, other, late] = ["a", "a", "a", "b", "c"].map((who) => shares.take(who, 2));
    assertEquals([typeof first, typeof second, third], ["function", "function", "share_taken"]);
    assertEquals([typeof other, late], ["function", "none_left"]);
    if (typeof first === "function") first();
    assertEquals(typeof shares.take("c", 2), "function");
    assertEquals(shares.take("a", 2), "none_left");
    if (typeof other === "function") other();
    assertEquals([typeof shares.take("a", 2), shares.take("a", 2)], ["function", "share_taken"]);
  });
});
