import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { bucketAfter, bucketOf, maxEventsPerCommit, sliceOf } from "./partitions.ts";
import { fromText, toText } from "../../core/engine/stored_text.ts";

describe("partitions", () => {
  it("find an event in one of two buckets, wherever its commit began", () => {
    const commit = fc.record({
      bucketEvents: fc.integer({ min: 1, max: 300 }),
      expected: fc.integer({ min: 0, max: 2_000 }),
      count: fc.integer({ min: 1, max: 100 }),
      at: fc.integer({ min: 0, max: 99 }),
    });
    fc.assert(fc.property(commit, ({ bucketEvents, expected, count, at }) => {
      const layout = { bucketEvents, slices: 8 };
      fc.pre(count <= maxEventsPerCommit(layout) && at < count);
      const sequenceNumber = expected + 1 + at;
      const bucket = bucketOf(expected, layout);
      const first = bucketAfter(sequenceNumber - 1, layout);
      assert(bucket === first || bucket === first + 1, `${sequenceNumber} is in ${bucket}, looked for from ${first}`);
      // The next commit is at most one bucket further.
      assert(bucketOf(expected + count, layout) <= bucket + 1);
    }));
  });

  it("name the slice of a stream as every copy and every version does", () => {
    const slices = [["account", "acc-001"], ["order", "a/b"], ["a", ""], ["", "a"], ["x", "\ud800"]].map(
      ([aggregateType = "", aggregateId = ""]) => sliceOf({ aggregateType, aggregateId }, 8),
    );
    assertEquals(slices, [4, 2, 6, 7, 5]);
  });
});

describe("texts in CQL", () => {
  it("come back as they were, well formed in between", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat(0xffff)), (text, units) => {
      for (const each of [text, String.fromCharCode(...units), `\\${text}`]) {
        assert(toText(each).isWellFormed());
        assertEquals(fromText(toText(each)), each);
      }
    }));
  });
});
