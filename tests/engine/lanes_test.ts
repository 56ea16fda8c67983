import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inLanes } from "../../core/engine/lanes.ts";

type Item = { readonly key: string; readonly number: number };

describe("work in lanes", () => {
  it("takes neighbours of one key one after the other, and different keys at once", async () => {
    const given = [["a", 1], ["a", 2], ["b", 3], ["c", 4], ["c", 5]] as const;
    const rig = open(given);
    await rig.turn();
    assertEquals(rig.begun, [1, 3, 4]);
    rig.finish(1);
    await rig.turn();
    assertEquals(rig.begun, [1, 3, 4, 2]);
    for (const number of [3, 4, 2]) rig.finish(number);
    await rig.turn();
    rig.finish(5);
    await rig.done;
    assertEquals(rig.begun, [1, 3, 4, 2, 5]);
  });

  it("has no more under way than there are lanes", async () => {
    const rig = open([["a", 1], ["b", 2], ["c", 3], ["d", 4]], { lanes: 2 });
    await rig.turn();
    assertEquals(rig.begun, [1, 2]);
    rig.finish(2);
    await rig.turn();
    assertEquals(rig.begun, [1, 2, 3]);
    for (const number of [1, 3]) rig.finish(number);
    await rig.turn();
    rig.finish(4);
    await rig.done;
  });

  it("ends with the first failure, once nothing is under way any more", async () => {
    const rig = open([["a", 1], ["a", 2], ["b", 3], ["c", 4]], { lanes: 3 });
    await rig.turn();
    let ended = false;
    const rejected = assertRejects(() => rig.done.finally(() => ended = true), Error, "number 1");
    rig.finish(1, new Error("number 1"));
    await rig.turn();
    assertEquals([rig.begun, ended], [[1, 3], false]);
    rig.finish(3);
    await rejected;
    assertEquals(rig.begun, [1, 3]);
  });
});

/** Work that ends when a case says so. */
function open(given: readonly (readonly [key: string, number: number])[], { lanes = 10 } = {}) {
  const begun: number[] = [];
  const ends = new Map(given.map(([, number]) => [number, Promise.withResolvers<void>()]));
  async function* items(): AsyncGenerator<Item, void> {
    for (const [key, number] of given) yield { key, number };
  }
  const done = inLanes(items(), {
    lanes,
    keyOf: ({ key }) => key,
    async work({ number }) {
      begun.push(number);
      await ends.get(number)?.promise;
    },
  });
  return {
    begun,
    done,
    finish(number: number, error?: Error) {
      if (error === undefined) ends.get(number)?.resolve();
      else ends.get(number)?.reject(error);
    },
    /** Everything that can go on goes on. */
    turn: () => new Promise((resolve) => void setImmediate(resolve)),
  };
}
