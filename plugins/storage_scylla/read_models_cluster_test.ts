import { readModelsContract } from "../../tests/contract/read_models.ts";
import type { CqlRow, CqlSession } from "./session.ts";
import { openTestReadModels } from "./test_read_models.ts";

readModelsContract("storage_scylla", openTestReadModels);

// As ScyllaDB may answer where much was deleted: pages that are short or empty, and yet not the last.
readModelsContract("storage_scylla with short pages", async () => {
  const opened = await openTestReadModels();
  return { ...opened, readModels: opened.copy(inShortPages(opened.session)) };
});

function inShortPages(session: CqlSession): CqlSession {
  return {
    ...session,
    async execute(statement, options) {
      return (await session.execute(statement, options)).slice(0, 1);
    },
    async *pages(statement, options): AsyncGenerator<readonly CqlRow[], void> {
      for await (const page of session.pages(statement, options)) {
        for (const row of page) yield* [[], [row]];
      }
    },
  };
}
