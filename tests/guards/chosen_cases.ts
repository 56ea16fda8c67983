/** `@std/testing/bdd` with only those cases whose names have the text of GUARD_CASE: all of them where it is empty. */
import { it as declare } from "../std/testing/bdd.ts";

export * from "../std/testing/bdd.ts";

const chosen = Deno.env.get("GUARD_CASE") ?? "";

export function it(...[name, fn]: Parameters<typeof declare>): void {
  if (name.includes(chosen)) declare(name, fn);
}
