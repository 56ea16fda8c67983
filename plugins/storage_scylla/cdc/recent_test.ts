import { assertEquals } from "@std/assert";
import { Recent } from "./recent.ts";

Deno.test("the last keys are kept, by their last values, and those long before them are not", () => {
  const recent = new Recent<number>(3);
  for (let at = 1; at <= 7; at++) {
    recent.set(`key ${at}`, at);
    const kept = [at - 2, at - 1, at].filter((each) => each > 0);
    assertEquals(kept.map((each) => recent.get(`key ${each}`)), kept, `after ${at}`);
  }
  assertEquals(recent.get("key 1"), undefined);
  recent.set("key 7", 70);
  assertEquals(recent.get("key 7"), 70);
});
