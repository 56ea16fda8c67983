/** The house's lint plugin. A broken rule is a `house/<rule>` error of `deno lint`. */
import { houseClock } from "./house_clock.ts";
import { houseSize } from "./house_size.ts";
import { importLaw } from "./import_law.ts";
import { noAnyBang } from "./no_any_bang.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "import-law": importLaw,
    "house-clock": houseClock,
    "house-size": houseSize,
    "no-any-bang": noAnyBang,
  },
};

export default plugin;
