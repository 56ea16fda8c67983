import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { parkedOf } from "../../tests/contract/read_model_samples.ts";
import { streamOf } from "../../tests/contract/samples.ts";
import { createProgress } from "./progress.ts";

const READS = 4;

describe("the standing of a write", () => {
  for (let commitAt = 0; commitAt < READS; commitAt++) {
    it(`is never passed when its aggregate is parked by a page stored before read ${commitAt}`, async () => {
      let reads = 0;
      const read = <T>(before: T, after: T) => reads++ < commitAt ? before : after;
      const parked = parkedOf("a", { from: 1, through: 1 });
      const { progress } = createProgress({
        positionOf: () => read(1, 1),
        reader: () => ({
          progressOf: () => read(0, 1),
          parkedOf: () => read([], [parked]),
          parkedBehind: () => read([], [parked]),
          parkedAt: () => read(undefined, parked),
        }),
      });
      const { is } = await progress.standing("sample_v1", { ...streamOf("a"), version: 1 });
      assertEquals(is, reads > commitAt ? "parked" : "behind");
    });
  }
});
