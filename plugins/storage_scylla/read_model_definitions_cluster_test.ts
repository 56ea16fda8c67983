import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import type { ReadModel } from "../../core/ports/read_models.ts";
import { NO_PROGRESS, readModel } from "../../tests/contract/read_model_samples.ts";
import { CqlError, type CqlSession } from "./session.ts";
import { openTestReadModels } from "./test_read_models.ts";

const KEYS = Array.from({ length: 40 }, (_, at) => `k${at}`);

function withNames(model: ReadModel): ReadModel {
  return { ...model, indexes: { ...model.indexes, by_name: { by: "name" } } };
}

function documentsOf(version: number) {
  return KEYS.map((key) => ({ key, version, document: { status: "open", name: `n${version}` } }));
}

describe("the storage of a read model", () => {
  for (const sources of ["one", "many"] as const) {
    it(`is made by many copies at once, of ${sources}`, async () => {
      await using opened = await openTestReadModels();
      const first = opened.readModels;
      const copies = [first, opened.copy(), opened.copy(), opened.copy()];
      const model = readModel("at_once", sources);
      await Promise.all(copies.map((copy) => copy.prepare(model)));
      for (const [at, copy] of copies.entries()) {
        const documents = [{ key: `k${at}`, version: 1, document: { status: "open" } }];
        assertEquals(await copy.write(model, { documents, progress: NO_PROGRESS }), "written");
      }
      for (const copy of copies) assertEquals((await copy.find(model, { limit: 10 })).items.length, 4);
    });

    it(`has an index that was added by many copies at once while an older one wrote, of ${sources}`, async () => {
      await using opened = await openTestReadModels();
      const older = opened.readModels;
      const model = readModel("added", sources);
      await older.prepare(model);
      await older.write(model, { documents: documentsOf(1), progress: NO_PROGRESS });
      const newer = [opened.copy(), opened.copy(), opened.copy()];
      let version = 1;
      let isReady = false;
      const writing = (async () => {
        while (!isReady) {
          version += 1;
          await older.write(model, { documents: documentsOf(version), progress: NO_PROGRESS });
        }
      })();
      await Promise.all(newer.map((copy) => copy.prepare(withNames(model))));
      isReady = true;
      await writing;
      const [copy = older] = newer;
      const where = { index: "by_name", value: `n${version}` };
      const { items } = await copy.find(withNames(model), { where, limit: 100 });
      assertEquals(new Set(items.map(({ key }) => key)), new Set(KEYS));
    });
  }

  it("gets the rows that an older copy had no time to add when its events are delivered again", async () => {
    await using opened = await openTestReadModels();
    const older = opened.readModels;
    const model = readModel("no_time");
    await older.prepare(model);
    const newer = opened.copy();
    await newer.prepare(withNames(model));
    const ending = opened.copy(endingAfterDocuments(opened.session));
    await ending.prepare(model);
    await assertRejects(() => ending.write(model, { documents: documentsOf(1), progress: NO_PROGRESS }));
    const named = () => newer.find(withNames(model), { where: { index: "by_name", value: "n1" }, limit: 100 });
    await newer.known(withNames(model), KEYS);
    assertEquals((await named()).items.length, KEYS.length);
  });

  it("is not used for documents of other sources than it was made for", async () => {
    await using opened = await openTestReadModels();
    const readModels = opened.readModels;
    await readModels.prepare(readModel("other", "one"));
    await assertRejects(() => readModels.prepare(readModel("other", "many")), StartError, "raise the projection's");
  });
});

/** The session of a copy that has not heard of newer lists, and ends before it looks. */
function endingAfterDocuments(session: CqlSession): CqlSession {
  let definition: string | undefined;
  return {
    ...session,
    async execute(statement, options) {
      if (!statement.cql.includes("definition FROM read_models")) return await session.execute(statement, options);
      if (definition !== undefined) throw new CqlError("unknown", "the process ended here");
      const [row] = await session.execute(statement, options);
      const { sources, lists } = JSON.parse(String(row?.definition));
      definition = JSON.stringify({ sources, lists: Object.fromEntries(Object.entries(lists).slice(0, 2)) });
      return [{ definition }];
    },
  };
}
