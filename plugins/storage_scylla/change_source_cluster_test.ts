import { afterAll, describe } from "@std/testing/bdd";
import { changeSourceContract } from "../../tests/contract/change_source.ts";
import { checkpointsContract } from "../../tests/contract/checkpoints.ts";
import { progressContract } from "../../tests/contract/progress.ts";
import { LAYOUT } from "./partitions.ts";
import { testCluster } from "./test_feed.ts";

describe("storage_scylla", () => {
  const cluster = testCluster();
  afterAll(() => cluster.close());

  const open = async () => {
    const opened = await cluster.open();
    const copy = await opened.copy();
    await copy.owns(LAYOUT.slices);
    const { port, check, move } = copy.progress;
    const checkpoints = { progress: port, check, commit: move };
    return { ...copy, checkpoints, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  };

  changeSourceContract("one copy", open);
  progressContract("one copy", open);
  checkpointsContract("one copy", open);

  // Nobody tells the feed of an append: it has to find every one by itself.
  changeSourceContract("a copy that another one writes for", async () => {
    const opened = await cluster.open();
    const writer = await opened.copy({ claim: false, rings: false });
    const copy = await opened.copy({ rings: false });
    await copy.owns(LAYOUT.slices);
    return { ...copy, store: writer.store, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  });
});
