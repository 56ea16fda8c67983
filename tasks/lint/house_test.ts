import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import plugin from "./house.ts";

/** `source` with `@@` replaced by `bad` breaks the rule; replaced by `good`, one word, it does not. */
interface Twins {
  rule: string;
  path: string;
  source: string;
  bad: string;
  good: string;
}

function importTwins(path: string, bad: string, good: string): Twins {
  return { rule: "import-law", path, source: `import { thing } from "@@";`, bad, good };
}

function clockTwins(source: string, bad: string, good: string): Twins {
  return { rule: "house-clock", path: "core/engine/retry.ts", source, bad, good };
}

function plainTwins(source: string, bad: string, good: string): Twins {
  return { rule: "no-any-bang", path: "core/model/message.ts", source, bad, good };
}

const importCases: Twins[] = [
  importTwins("modules/order/decider.ts", "../customer/events.ts", "./events.ts"),
  importTwins("modules/order/decider.ts", "../../core/mod.ts", "annals"),
  importTwins("modules/order/decider.ts", "node:crypto", "zod"),
  importTwins("modules/order/decider.ts", "annals/testing", "annals"),
  importTwins("modules/order/decider.ts", "@std/assert", "zod"),
  importTwins("modules/order/decider_test.ts", "../customer/events.ts", "annals/testing"),
  importTwins("modules/order/decider_test.ts", "../../plugins/http/mod.ts", "../../tests/contract/event_store.ts"),
  importTwins("plugins/http/mod.ts", "../console/mod.ts", "./routes.ts"),
  importTwins("plugins/http/mod.ts", "../../modules/order/mod.ts", "../../core/engine/registry.ts"),
  importTwins("plugins/http/mod.ts", "annals/testing", "annals/ports"),
  importTwins("plugins/http/mod.ts", "../../core/testing.ts", "../../core/mod.ts"),
  importTwins("plugins/http/mod.ts", "../../core/testing/clock.ts", "../../core/ports/clock.ts"),
  importTwins("plugins/http/mod.ts", "fast-check", "hono"),
  importTwins("plugins/storage/migrations.ts", "../../schema/sqlite/mod.ts", "../../schema/sqlite/001_events.sql"),
  importTwins("plugins/http/mod.ts", "https://deno.land/x/thing.ts", "npm:thing@1"),
  importTwins("plugins/http/mod.ts", "../../tests/contract/event_store.ts", "node:sqlite"),
  importTwins("plugins/http/routes_test.ts", "../console/mod.ts", "@std/testing/bdd"),
  importTwins("plugins/http/test_rig.ts", "../console/mod.ts", "../../tests/contract/surroundings.ts"),
  importTwins("core/model/decider.ts", "../ports/runtime.ts", "./message.ts"),
  importTwins("core/model/decider.ts", "annals", "zod"),
  importTwins("core/ports/runtime.ts", "../engine/retry.ts", "../model/message.ts"),
  importTwins("core/ports/runtime.ts", "lru-cache", "zod"),
  importTwins("core/engine/command_bus.ts", "../testing.ts", "../ports/runtime.ts"),
  importTwins("core/engine/command_bus.ts", "node:fs", "node:crypto"),
  importTwins("core/engine/command_bus.ts", "uuid", "lru-cache"),
  importTwins("core/engine/retry_test.ts", "../../plugins/storage_memory/mod.ts", "fast-check"),
  importTwins("core/testing.ts", "../plugins/runtime/mod.ts", "./engine/registry.ts"),
  importTwins("core/mod.ts", "node:sqlite", "./ports/runtime.ts"),
  {
    rule: "import-law",
    path: "client.ts",
    source: `import @@ order from "./modules/order/mod.ts";`,
    bad: "",
    good: "type",
  },
  {
    rule: "import-law",
    path: "modules/order/mod.ts",
    source: `export * from "@@";`,
    bad: "../account/mod.ts",
    good: "./state.ts",
  },
  {
    rule: "import-law",
    path: "plugins/http/mod.ts",
    source: `export { thing } from "@@";`,
    bad: "../console/mod.ts",
    good: "./routes.ts",
  },
  {
    rule: "import-law",
    path: "core/model/decider.ts",
    source: `export type Clock = import("@@").Clock;`,
    bad: "../ports/runtime.ts",
    good: "./message.ts",
  },
  {
    rule: "import-law",
    path: "plugins/console/mod.ts",
    source: "export const load = (name: string) => import(@@);",
    bad: "name",
    good: `"./page.ts"`,
  },
];

const clockCases: Twins[] = [
  clockTwins("export const at = (clock: { now(): number }) => @@.now();", "Date", "clock"),
  clockTwins("export const at = (clock: { now(): number }) => @@.now();", "performance", "clock"),
  clockTwins("export const at = (clock: { now(): number }) => @@.now();", "globalThis.Date", "clock"),
  clockTwins("export const at = (ms: number) => new Date(@@);", "", "ms"),
  clockTwins("export const at = (ms: number) => @@(ms);", "Date", "String"),
  clockTwins("export const one = () => Math.@@();", "random", "max"),
  clockTwins(`export const one = () => Math["@@"]();`, "random", "max"),
  clockTwins("export const wait = (runtime: (f: () => void) => void) => @@(() => {});", "setTimeout", "runtime"),
  clockTwins("export const wait = (runtime: (f: () => void) => void) => @@(() => {});", "setInterval", "runtime"),
  clockTwins("export const wait = (sleep: unknown, use = @@) => [sleep, use];", "setTimeout", "sleep"),
  clockTwins("export const signal = (ms: number) => AbortSignal.@@(ms);", "timeout", "abort"),
  clockTwins("export const digest = () => crypto.@@();", "randomUUID", "subtle.toString"),
  clockTwins("export const { @@ } = Date;", "now", "parse"),
  clockTwins("export const { @@: read } = Date;", "now", "parse"),
  clockTwins("export const { @@ } = crypto;", "randomUUID", "subtle"),
  clockTwins("export const { @@ } = globalThis;", "setTimeout", "structuredClone"),
  clockTwins("const { Date: D } = globalThis; export const at = D.@@;", "now", "parse"),
  clockTwins("const D = Date; export const at = D.@@;", "now", "parse"),
  clockTwins(`export { x }; import { @@ as x } from "node:crypto";`, "randomUUID", "createHash"),
  clockTwins(`import * as c from "node:crypto"; export const x = c.@@;`, "randomUUID", "createHash"),
  { rule: "house-clock", path: "plugins/http/mod.ts", source: `import "@@";`, bad: "node:timers", good: "node:fs" },
  {
    rule: "house-clock",
    path: "plugins/http/mod.ts",
    source: `import "@@";`,
    bad: "node:timers/promises",
    good: "node:fs",
  },
];

const moreClockCases: Twins[] = [
  clockTwins("export let read = String; ({ @@: read } = Date);", "now", "name"),
  clockTwins(`import { webcrypto as w } from "node:crypto"; export const x = w.@@;`, "randomUUID", "subtle"),
  clockTwins("export const timers = (wait: unknown) => ({ wait: @@ });", "setTimeout", "wait"),
  clockTwins("export const timer = (wait: unknown) => @@ ?? wait;", "setTimeout", "wait"),
  clockTwins("export const timer = (wait: unknown) => @@;", "setTimeout", "wait"),
  {
    rule: "house-clock",
    path: "plugins/metrics/mod.ts",
    source: `import { performance as p } from "node:perf_hooks"; export const x = p.@@;`,
    bad: "now",
    good: "mark",
  },
];

const plainCases: Twins[] = [
  plainTwins("export const read = (value: @@) => value;", "any", "unknown"),
  plainTwins("export const read = (value: { a?: number }) => value.a@@;", "!", "?.toFixed()"),
  plainTwins("export let value@@: string | undefined; value = undefined;", "!", ""),
  plainTwins("export class Held { value@@: string | undefined; }", "!", ""),
  plainTwins("// deno-lint-ignore @@\nexport const value = 1;", "house/house-size", "no-explicit-any"),
  plainTwins("// deno-lint-ignore-file @@\nexport const value = 1;", "", "no-explicit-any"),
  plainTwins("export @@ function read() {}", "default", "async"),
  plainTwins("const read = 1; export { read as @@ };", "default", "write"),
  plainTwins("export @@ Status { }", "enum", "class"),
  plainTwins("declare const sealed: ClassDecorator; export @@ class Held {}", "@sealed", "abstract"),
];

const sizeCases: Twins[] = [
  { rule: "house-size", path: "core/mod.ts", source: `${"\n".repeat(249)}// a@@b`, bad: "\n", good: " " },
  { rule: "house-size", path: "core/mod_test.ts", source: `${"\n".repeat(399)}// a@@b`, bad: "\n", good: " " },
  { rule: "house-size", path: "core/mod.ts", source: `// ${"ä".repeat(117)}@@`, bad: "x", good: "" },
  { rule: "house-size", path: "core/mod.ts", source: `function f() {${"\n".repeat(49)}@@}`, bad: "\n", good: " " },
  { rule: "house-size", path: "core/mod.ts", source: `@@(() => {${"\n".repeat(50)}});`, bad: "run", good: "describe" },
];

for (const twins of [...importCases, ...clockCases, ...moreClockCases, ...plainCases, ...sizeCases]) {
  const { rule, path, source, bad, good } = twins;
  const words = `takes ${JSON.stringify(good)} and refuses ${JSON.stringify(bad)}`;
  Deno.test(`${rule} in ${path} ${words}: ${source.trim()}`, () => {
    const [finding, ...more] = lint(path, source.replace("@@", bad));
    assertMatch(finding?.message ?? "no finding", /^expected .+, found .+; .+/);
    assertEquals([finding?.id, more], [`house/${rule}`, []]);
    assertEquals(lint(path, source.replace("@@", good)), []);
  });
}

const CLOCK = "export const at = Date.now();";
const DEFAULT = "export default 1;";
const DISCOVERY = "export const load = (name: string) => import(name);";
const LONG_FUNCTION = `export function f() {${"\n".repeat(60)}}`;
const FOREIGN = `import "../../modules/order/mod.ts";`;

const places: { source: string; bad: string[]; good: string[] }[] = [
  {
    source: CLOCK,
    bad: ["core/testing.ts", "core/model/a_test.ts", "modules/order/state.ts", "plugins/http/mod.ts"],
    good: ["plugins/runtime/mod.ts", "plugins/http/a_test.ts", "tests/a.ts", "bench/a.ts", "tasks/a.ts", "main.ts"],
  },
  { source: `// edge: the driver's own deadline\n${CLOCK}`, bad: ["core/mod.ts"], good: ["plugins/http/mod.ts"] },
  { source: `// edge:\n${CLOCK}`, bad: ["plugins/http/mod.ts"], good: [] },
  { source: `const a = 1;\n// edge: too late\n${CLOCK}`, bad: ["plugins/http/mod.ts"], good: [] },
  {
    source: DEFAULT,
    bad: ["core/mod.ts", "plugins/http/routes.ts", "modules/order/deep/mod.ts", "tasks/lint/house_size.ts"],
    good: ["modules/order/mod.ts", "plugins/http/mod.ts", "tests/cluster/modules/probe/mod.ts", "tasks/lint/house.ts"],
  },
  { source: DISCOVERY, bad: ["plugins/http/mod.ts", "core/engine/app.ts"], good: ["plugins/runtime/a.ts", "main.ts"] },
  { source: LONG_FUNCTION, bad: ["core/a.ts", "bench/a.ts"], good: ["core/a_test.ts", "tests/contract/a.ts"] },
  { source: FOREIGN, bad: ["plugins/http/a.ts", "core/engine/a.ts"], good: ["tasks/dev/a.ts", "tests/contract/a.ts"] },
];

for (const { source, bad, good } of places) {
  Deno.test(`${source.trim()} breaks a rule in ${bad} and not in ${good}`, () => {
    for (const path of bad) assertEquals([path, lint(path, source).length], [path, 1]);
    for (const path of good) assertEquals([path, lint(path, source).map(({ id }) => id)], [path, []]);
  });
}

Deno.test("a port may name its own timers", () => {
  const port =
    "export interface Timers { setTimeout(ms: number): void } export const t = (x: Timers) => x.setTimeout(1);";
  assertEquals(lint("core/ports/runtime.ts", port), []);
});

Deno.test("a file is known by its place in the checkout, however it is spelled", () => {
  const root = new URL("../../", import.meta.url);
  const full = decodeURIComponent(new URL("core/mod.ts", root).pathname);
  for (const path of [full, full.replaceAll("/", "\\"), "./core/mod.ts"]) assertEquals(lint(path, CLOCK).length, 1);
  assertThrows(() => lint("/elsewhere/core/mod.ts", CLOCK), Error, "lint from that checkout");
});

function lint(path: string, source: string): { id: string; message: string }[] {
  return Deno.lint.runPlugin(plugin, path, source).map(({ id, message }) => ({ id, message }));
}
