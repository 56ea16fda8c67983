import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { createRegistry, parseCommand, parseEvent } from "../../core/engine/registry.ts";
import type { Module } from "../../core/model/module.ts";
import { defineModule, defineProjection } from "annals";
import { StartError } from "../../core/ports/plugin.ts";
import account from "../../modules/account/mod.ts";
import order from "../../modules/order/mod.ts";
import { found } from "./rig.ts";

function counter(change: Partial<Module> = {}): Module {
  const events = { Counted: z.object({ by: z.number() }) };
  const module = defineModule({
    name: "counter",
    path: "counters",
    id: "text",
    commands: { Count: z.object({ by: z.number() }) },
    events,
    rejections: {},
    state: z.strictObject({ total: z.number() }),
    creates: ["Count"],
    decider: {
      initialState: { total: 0 },
      decide: ({ by }) => [{ type: "Counted", by }],
      evolve: ({ total }, { by }) => ({ total: total + by }),
    },
    projections: [
      defineProjection({ name: "totals", version: 2, events, document: z.strictObject({ total: z.number() }), on: {} }),
    ],
  });
  return { ...module, ...change };
}

function refuse(modules: readonly Module[], message: string): void {
  const error = assertThrows(() => createRegistry(modules.map(found)), StartError, message);
  assertEquals(error.message.includes("\n"), false);
}

describe("createRegistry", () => {
  it("finds modules by name and path and views by name", () => {
    const registry = createRegistry([account, order, counter()].map(found));
    assertEquals([...registry.byPath.keys()], ["accounts", "orders", "counters"]);
    assertEquals([...registry.byName.keys()], ["account", "order", "counter"]);
    assertEquals(registry.views.get("totals")?.model.incarnation, "totals_v2");
  });

  it("refuses a name that two modules claim, naming both", () => {
    const other = { name: "other", path: "others", events: {}, projections: [] };
    const twice = (kind: string, name: string, owner = "other/mod.ts") =>
      `The ${kind} "${name}" is claimed by counter/mod.ts and by ${owner}`;
    refuse([counter(), counter({ ...other, name: "counter" })], twice("module name", "counter", "counter/mod.ts"));
    refuse([counter(), counter({ ...other, path: "counters" })], twice("path", "counters"));
    refuse([counter(), counter({ ...other, events: counter().events })], twice("event type", "Counted"));
    const { projections = [] } = counter();
    refuse([counter(), counter({ ...other, projections })], twice("projection name", "totals"));
  });

  it("refuses reserved paths and fields, and names that do not fit a path, a table or a metric", () => {
    for (const path of ["views", "topics", "docs", "problems", "livez", "readyz", "metrics"]) {
      refuse([counter({ path })], `its path "${path}" is reserved`);
    }
    refuse([counter({ path: "Counters" })], 'its path "Counters"');
    refuse([counter({ name: "Counter" })], 'its name "Counter"');
    for (const field of ["type", "id", "version"]) {
      const commands = { Count: z.object({ [field]: z.string() }) };
      refuse([counter({ commands })], `Count has a field "${field}"`);
    }
  });

  it("refuses a publish that is no function", () => {
    createRegistry([found(counter({ publish: () => undefined }))]);
    const wrong = { publish: { Counted: true } } as unknown as Partial<Module>;
    refuse([counter(wrong)], 'its publish is {"Counted":true}, expected a function');
  });

  it("refuses an allow or allowRead that cannot answer at once", () => {
    createRegistry([found(counter({ allow: () => true, allowRead: ({ sub }) => sub === "alice" }))]);
    const wrong = (change: Record<string, unknown>) => counter(change as Partial<Module>);
    refuse(
      [wrong({ allow: async () => await true })],
      "its allow is AsyncFunction, expected a function that gives true",
    );
    refuse([wrong({ allowRead: false })], "its allowRead is false, expected a function that gives true or false");
  });

  it("refuses schemas of what is kept that JSON cannot keep", () => {
    const dated = z.strictObject({ at: z.date() });
    refuse([counter({ events: { Counted: dated } })], "Counted cannot be kept as JSON");
    refuse([counter({ state: dated })], "state cannot be kept as JSON");
    const trimmed = z.strictObject({ by: z.string().transform((text) => text.trim()) });
    refuse([counter({ events: { Counted: trimmed } })], "Counted cannot be kept as JSON");
  });

  it("refuses two indexes by one field", () => {
    const [totals] = counter().projections ?? [];
    if (totals === undefined) throw new Error("the counter has a projection");
    const indexes = { first: { by: "total" }, second: { by: "total" } };
    refuse([counter({ projections: [{ ...totals, indexes }] })], 'totals has two indexes by "total"');
  });
});

describe("parseCommand", () => {
  const [served] = createRegistry([found(counter())]).modules;
  if (served === undefined) throw new Error("the registry serves one module");

  it("parses by type and is strict even where the module's schema is not", () => {
    assertEquals(parseCommand(served, { type: "Count", by: 1 }), { is: "command", command: { type: "Count", by: 1 } });
    assertEquals(parseCommand(served, { type: "Count", by: 1, more: 1 }).is, "invalid");
    assertEquals(parseCommand(served, { type: "Count", by: "1" }).is, "invalid");
    for (const type of [undefined, "Counted", "toString", "__proto__", 1, null]) {
      assertEquals(parseCommand(served, { type, by: 1 }), { is: "unknown_command" });
    }
  });

  it("lets no undeclared event nor smuggled field through", () => {
    assertEquals(parseEvent(served, { type: "Counted", by: 1 }), { type: "Counted", by: 1 });
    assertThrows(() => parseEvent(served, { type: "Counted", by: 1, note: "smuggled" }));
    assertThrows(() => parseEvent(served, { type: "Recounted" }), TypeError, "does not declare");
  });
});
