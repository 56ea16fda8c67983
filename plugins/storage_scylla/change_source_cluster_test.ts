import { assertEquals, assertRejects } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { Unavailable } from "../../core/ports/event_store.ts";
import { changeSourceContract, openReader } from "../../tests/contract/change_source.ts";
import { checkpointsContract } from "../../tests/contract/checkpoints.ts";
import { progressContract } from "../../tests/contract/progress.ts";
import { NO_PROGRESS, parkedOf, readModel } from "../../tests/contract/read_model_samples.ts";
import { appendNext, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { LAYOUT } from "./partitions.ts";
import { CqlError, type CqlSession } from "./session.ts";
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

  for (
    const [what, write] of [["a document", /^UPDATE documents_/], ["what is parked", /^INSERT INTO dead_/]] as const
  ) {
    it(`moves no watermark before ${what} is durable`, async () => {
      await using opened = await cluster.open();
      const session: CqlSession = {
        ...opened.session,
        execute: (statement, options) =>
          write.test(statement.cql)
            ? Promise.reject(new CqlError("unknown", "the process ended here"))
            : opened.session.execute(statement, options),
      };
      const copy = await opened.copy({ session });
      await copy.owns(LAYOUT.slices);
      await using reader = await openReader(copy);
      await appendNext(copy.store, streamOf("a"), sampleEvents(1));
      const [page] = await reader.until(1, { commits: false });
      const documents = [{ key: "a", version: 1, document: {} }];
      const progress = { ...NO_PROGRESS, park: [parkedOf("a", { from: 1 })], checkpoint: page?.checkpoint ?? null };
      await assertRejects(() => copy.readModels.write(readModel("sample_v1"), { documents, progress }), Unavailable);
      const standing = await copy.progress.port.standing("sample_v1", { ...streamOf("a"), version: 1 });
      assertEquals(standing, { is: "behind" });
    });
  }
});
