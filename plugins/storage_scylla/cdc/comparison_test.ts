import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Comparison } from "./comparison.ts";

const A = { aggregateType: "counter", aggregateId: "a" };
const B = { aggregateType: "counter", aggregateId: "b" };

describe("the comparison of the log with what is proved", () => {
  it("misses what was not shown in time, once", () => {
    const comparison = new Comparison(1_000);
    comparison.expect(A, { through: 3, nowMs: 0 });
    assertEquals(comparison.takeOverdue(999), 0);
    assertEquals(comparison.takeOverdue(1_000), 1);
    assertEquals(comparison.takeOverdue(5_000), 0);
  });

  it("misses nothing that was shown before it was expected, or soon after", () => {
    const comparison = new Comparison(1_000);
    comparison.show(A, 3);
    comparison.expect(A, { through: 2, nowMs: 0 });
    comparison.expect(B, { through: 2, nowMs: 0 });
    comparison.show(B, 2);
    assertEquals(comparison.takeOverdue(5_000), 0);
  });

  it("is not content with less, and waits no longer because more is expected", () => {
    const comparison = new Comparison(1_000);
    comparison.expect(A, { through: 1, nowMs: 0 });
    comparison.expect(A, { through: 2, nowMs: 900 });
    comparison.show(A, 1);
    assertEquals(comparison.takeOverdue(1_000), 1);
  });

  it("holds only so much, whatever comes", () => {
    const comparison = new Comparison(1_000);
    for (let at = 0; at < 20_000; at += 1) {
      comparison.expect({ ...A, aggregateId: `${at}` }, { through: 1, nowMs: at });
      comparison.show({ ...B, aggregateId: `${at}` }, 1);
    }
    comparison.expect({ ...B, aggregateId: "0" }, { through: 1, nowMs: 0 });
    assertEquals(comparison.takeOverdue(0), 0);
    assertEquals(comparison.takeOverdue(18_500), 1);
  });
});
