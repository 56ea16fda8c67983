import { describe, it } from "@std/testing/bdd";
import { assertOneWinsEachVersion } from "../contract/one_winner.ts";
import { startService, temporaryDirectory } from "./service.ts";

describe("64 writers with If-Match on one aggregate", () => {
  it("win each version once, and what was acknowledged is stored", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    await assertOneWinsEachVersion([service]);
  });
});
