import { assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { discoverModules } from "./discover_modules.ts";

const MODULE = `export default {
  name: "note", path: "notes", id: "text", commands: {}, events: {}, rejections: {}, state: {}, creates: [],
  decider: { initialState: null },
};`;

describe("the fingerprint of a module", () => {
  it("changes with every source and JSON file of its folder and below, and with nothing else", async () => {
    await Deno.mkdir("data", { recursive: true });
    const root = await Deno.makeTempDir({ dir: "data", prefix: "test-" });
    const seen: string[] = [];
    const write = async (path: string, text: string) => {
      await Deno.writeTextFile(`${root}/note/${path}`, text);
      const [found] = await discoverModules(new URL(`file://${await Deno.realPath(root)}/`));
      seen.push(found?.fingerprint ?? "");
      return { before: seen.at(-2), after: seen.at(-1) };
    };
    try {
      await Deno.mkdir(`${root}/note/rules/deep`, { recursive: true });
      await write("mod.ts", MODULE);
      for (const path of ["mod.ts", "fold.ts", "rules/a b.ts", "rules/deep/fold.ts", "rules/rates.json"]) {
        for (const text of [MODULE, `${MODULE}\n`]) {
          const { before, after } = await write(path, text);
          if (path !== "mod.ts" || text !== MODULE) assertNotEquals(after, before, path);
        }
      }
      for (const path of ["fold_test.ts", "rules/fold_test.ts", "rules/README.md"]) {
        const { before, after } = await write(path, "");
        assertEquals(after, before, path);
      }
      assertEquals(new Set(seen).size, 10);
      await Deno.rename(`${root}/note/rules/deep/fold.ts`, `${root}/note/rules/fold.ts`);
      const { before, after } = await write("fold.ts", `${MODULE}\n`);
      assertNotEquals(after, before, "a file that was moved");
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
});
