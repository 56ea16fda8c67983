import { assert, assertEquals } from "@std/assert";
import house from "../tasks/lint/house.ts";

type Graph = Map<string, string[]>;

interface Entry {
  path: string;
  isDirectory: boolean;
}

const FORBIDDEN_NAMES = ["src", "utils", "helpers", "common", "types.ts"];
/** Rooms whose every folder the map names. */
const MAPPED_ROOMS = ["core", "plugins", "modules"];
/** In what a comparison names. */
const SECRET = /token|secret|password|digestOf/i;
const MAP_HEADING = "## The map";

Deno.test("no imports run in a circle, types included", async () => {
  const graph = await readGraph();
  assert(
    [...graph.values()].flat().length > 0,
    "expected imports between files, found none; run at the top of the tree",
  );
  const cycle = findCycle(graph);
  assertEquals(cycle, [], `expected no import cycle, found ${cycle.join(" -> ")}; move what both need to its own file`);
});

Deno.test("the import law holds, and no comment switches a rule of the house off", async () => {
  // A `deno-lint-ignore-file` hides itself from `deno lint`; runPlugin knows no directives.
  const findings: string[] = [];
  for (const path of await sourcePaths()) {
    for (const { id, message } of Deno.lint.runPlugin(house, path, await Deno.readTextFile(path))) {
      if (id === "house/import-law" || message.includes("deno-lint-ignore")) findings.push(`${path}: ${message}`);
    }
  }
  assertEquals(findings, []);
});

Deno.test("what is secret is compared in constant time", async () => {
  const sources = (await sourcePaths()).filter((path) => /^(core|plugins)\//.test(path) && !path.endsWith("_test.ts"));
  const findings: string[] = [];
  for (const path of sources) {
    const found = comparedSecrets(path, await Deno.readTextFile(path));
    findings.push(...found.map((text) => `${path}: ${text}`));
  }
  assertEquals(findings, [], "expected timingSafeEqual of digests");
  const gates = await Deno.readTextFile("plugins/http/access/operator_gates.ts");
  assert(gates.includes("timingSafeEqual(digestOf(given), expected)"), "expected the token's digests to be compared");
});

Deno.test("no folder or file has a name that says nothing", async () => {
  const found = (await walk()).map(({ path }) => path).filter((path) => isForbidden(path));
  assertEquals(found, [], `expected names of things, found ${found.join(", ")}; name each after what it holds`);
});

Deno.test("every path on the README's map exists", async () => {
  const existing = new Set((await walk()).map(({ path }) => path));
  const missing = (await readMap()).filter((path) => !existing.has(path));
  const finding = `expected every path of the map to exist, found none at ${missing.join(", ")}`;
  assertEquals(missing, [], `${finding}; build it or take it off README.md`);
});

Deno.test("the README's map names every room", async () => {
  const map = await readMap();
  const unnamed = (await walk()).filter(belongsOnMap).map(({ path }) => path).filter((path) => !map.includes(path));
  assertEquals(unnamed, [], `expected every room on the map, found no ${unnamed.join(", ")}; add it to README.md`);
});

Deno.test("findCycle names the files of a circle, and none of a diamond", () => {
  const circle = new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", []], ["d", ["b"]]]);
  assertEquals(findCycle(circle), ["b", "d", "b"]);
  const diamond = new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]], ["d", []]]);
  assertEquals(findCycle(diamond), []);
});

Deno.test("comparedSecrets finds comparisons of what is called secret, and none with what stands in the source", () => {
  const source = `if (token === expected || wanted != parts.secret || digestOf(given) == a) {}
    if (token === undefined || token !== null || secret === "" || version === expected) {}`;
  const found = ["token === expected", "wanted != parts.secret", "digestOf(given) == a"];
  assertEquals(comparedSecrets("core/x.ts", source), found);
});

Deno.test("importsOf finds types, exports and type queries, and no text", () => {
  const source = `import type { A } from "./a.ts"; export * from "./b.ts"; export { c } from "./c.ts";
    export type D = import("./d.ts").D; export const text = 'import "./e.ts"'; // import "./f.ts";`;
  assertEquals(importsOf("core/x.ts", source), ["./a.ts", "./b.ts", "./c.ts", "./d.ts"]);
});

Deno.test("parseMap reads names, their children, and no descriptions", () => {
  const map = parseMap([
    "# A",
    "```",
    "elsewhere.ts",
    "```",
    MAP_HEADING,
    "```",
    "deno.json  deno.lock    tasks, import map",
    "main.ts                 root (see core/)",
    "core/                   the kernel",
    "  model/                message.ts, decider",
    "                        and more/",
    "  mod.ts                what modules import",
    "modules/order/  modules/account/",
    "                        mod.ts commands.ts",
    "plugins/",
    "  http/  runtime/ (the real clock)",
    "LICENSE main.css        MIT",
    "```",
  ].join("\n"));
  const core = ["core", "core/model", "core/mod.ts"];
  const modules = ["modules", "modules/order", "modules/account"];
  const plugins = ["plugins", "plugins/http", "plugins/runtime"];
  assertEquals(map, ["deno.json", "deno.lock", "main.ts", ...core, ...modules, ...plugins, "LICENSE", "main.css"]);
});

Deno.test("isForbidden looks at whole names anywhere", () => {
  assertEquals(["core/utils", "a/types.ts", "src"].map(isForbidden), [true, true, true]);
  assertEquals(["core/utils.ts", "srcs", "a/event_types.ts"].map(isForbidden), [false, false, false]);
});

function isForbidden(path: string): boolean {
  return FORBIDDEN_NAMES.includes(path.split("/").at(-1) ?? "");
}

function belongsOnMap({ path, isDirectory }: Entry): boolean {
  const [room = "", ...inside] = path.split("/");
  if (inside.length > 0) return inside.length === 1 && isDirectory && MAPPED_ROOMS.includes(room);
  return path !== "README.md" && !path.startsWith(".git");
}

async function readMap(): Promise<string[]> {
  const readme = await Deno.readTextFile("README.md").catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`expected README.md at the top, found none; write it with a code block under "${MAP_HEADING}"`);
  });
  const map = parseMap(readme);
  assert(map.length > 0, `expected a code block under "${MAP_HEADING}" in README.md, found none; draw the map there`);
  return map;
}

/**
 * A line of the map is names, one or two spaces apart, then after three spaces or more what they hold. A line set in
 * lies inside the folder above it; one set in by more than eight goes on describing.
 */
function parseMap(readme: string): string[] {
  const section = readme.split(`${MAP_HEADING}\n`)[1]?.split("\n## ")[0] ?? "";
  const fence = /^```[^\n]*\n([^]*?)\n```/m.exec(section)?.[1] ?? "";
  const paths = new Set<string>();
  const parents: { indent: number; path: string }[] = [];
  for (const line of fence.split("\n")) {
    const indent = line.length - line.trimStart().length;
    if (line.trim() === "" || indent > 8) continue;
    while ((parents.at(-1)?.indent ?? -1) >= indent) parents.pop();
    const above = parents.at(-1)?.path;
    const names = (line.trim().split(/ {3,}| \(/)[0] ?? "").split(/ +/);
    for (const name of names) {
      const path = [...(above ? [above] : []), name.replace(/\/$/, "")].join("/");
      path.split("/").forEach((_name, depth, parts) => paths.add(parts.slice(0, depth + 1).join("/")));
      if (name === names.at(-1)) parents.push({ indent, path });
    }
  }
  return [...paths];
}

async function readGraph(): Promise<Graph> {
  const names = await importMap();
  const graph: Graph = new Map();
  for (const path of await sourcePaths()) {
    const specifiers = importsOf(path, await Deno.readTextFile(path));
    graph.set(path, specifiers.map((specifier) => resolve(names.get(specifier) ?? specifier, path)));
  }
  // Packages and texts import nothing of ours.
  for (const [path, targets] of graph) graph.set(path, targets.filter((target) => graph.has(target)));
  return graph;
}

/** House names of the import map, as absolute repository paths. */
async function importMap(): Promise<Map<string, string>> {
  const { imports = {} }: { imports?: Record<string, string> } = JSON.parse(await Deno.readTextFile("deno.json"));
  const house = Object.entries(imports).filter(([, target]) => target.startsWith("./"));
  return new Map(house.map(([name, target]) => [name, target.replace("./", "/")]));
}

function resolve(specifier: string, importer: string): string {
  if (!/^[./]/.test(specifier)) return specifier;
  return new URL(specifier, `file:///${importer}`).pathname.slice(1);
}

/** By the linter's own parser: a pattern would also find imports in texts and comments. */
function importsOf(path: string, source: string): string[] {
  const found: string[] = [];
  const keep = (node: { source: Deno.lint.StringLiteral | null }) => {
    if (node.source) found.push(node.source.value);
  };
  const collect: Deno.lint.Rule = {
    create: (context) => ({
      ImportDeclaration: keep,
      ExportAllDeclaration: keep,
      ExportNamedDeclaration: keep,
      TSImportType(node) {
        const specifier = /import\(\s*["']([^"']+)/.exec(context.sourceCode.getText(node))?.[1];
        if (specifier) found.push(specifier);
      },
    }),
  };
  Deno.lint.runPlugin({ name: "architecture", rules: { collect } }, path, source);
  return found;
}

/** Comparisons that take the longer the more is right; with `undefined`, `null` or a text of the source nothing is. */
function comparedSecrets(path: string, source: string): string[] {
  const found: string[] = [];
  const collect: Deno.lint.Rule = {
    create: ({ sourceCode }) => ({
      BinaryExpression(node) {
        const sides = [node.left, node.right];
        const isKnown = sides.some((side) => /\bundefined\b|^(null|"[^"]*")$/.test(sourceCode.getText(side)));
        const isSecret = sides.some((side) => SECRET.test(sourceCode.getText(side)));
        if (/^[=!]==?$/.test(node.operator) && isSecret && !isKnown) found.push(sourceCode.getText(node));
      },
    }),
  };
  Deno.lint.runPlugin({ name: "architecture", rules: { collect } }, path, source);
  return found;
}

function findCycle(graph: Graph): string[] {
  const finished = new Set<string>();
  const visit = (path: string, trail: string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return [];
    for (const target of graph.get(path) ?? []) {
      const cycle = visit(target, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    finished.add(path);
    return [];
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

async function sourcePaths(): Promise<string[]> {
  const sources = (await walk()).filter(({ path, isDirectory }) => !isDirectory && /\.tsx?$/.test(path));
  return sources.map(({ path }) => path);
}

async function walk(folder = ".", ignored?: Set<string>): Promise<Entry[]> {
  const skipped = ignored ?? await ignoredPaths();
  const entries: Entry[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = folder === "." ? name : `${folder}/${name}`;
    if (skipped.has(`/${path}`) || skipped.has(name)) continue;
    entries.push({ path, isDirectory });
    if (isDirectory) entries.push(...await walk(path, skipped));
  }
  return entries.sort((left, right) => left.path < right.path ? -1 : 1);
}

/** Names anywhere and, with `/` in front, places; a pattern with a star hides nothing from these tests. */
async function ignoredPaths(): Promise<Set<string>> {
  const text = await Deno.readTextFile(".gitignore");
  const lines = text.split("\n").map((line) => line.trim().replace(/\/$/, "")).filter((line) => line !== "");
  return new Set([".git", "node_modules", ...lines]);
}
