import { importTarget, repositoryPath } from "./repository_path.ts";

interface Reference {
  specifier: string;
  target: string;
  typeOnly: boolean;
}

interface Law {
  expected: string;
  instead: string;
  allows(reference: Reference): boolean;
}

/** Which modules there are is known only at start, by the folder it is given. */
const DISCOVERY = "plugins/runtime/";

export const importLaw: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    const law = lawOf(path);
    if (law === undefined) return {};
    const check = (node: Deno.lint.Node, found: { specifier: string; typeOnly: boolean }) => {
      const reference = { ...found, target: importTarget(found.specifier, path) };
      if (law.allows(reference) || (isTest(path) && allowsInTest(reference.target))) return;
      const kind = found.typeOnly ? "import type of" : "import of";
      const message = `expected ${law.expected}, found ${kind} "${found.specifier}" in ${path}; ${law.instead}`;
      context.report({ node, message });
    };
    const checkExport = (node: Deno.lint.ExportAllDeclaration | Deno.lint.ExportNamedDeclaration) => {
      if (node.source) check(node, { specifier: node.source.value, typeOnly: node.exportKind === "type" });
    };
    return {
      ImportDeclaration(node) {
        check(node, { specifier: node.source.value, typeOnly: node.importKind === "type" });
      },
      ExportAllDeclaration: checkExport,
      ExportNamedDeclaration: checkExport,
      TSImportType(node) {
        const text = /import\(\s*["'`]([^"'`]+)/.exec(context.sourceCode.getText(node))?.[1];
        if (text !== undefined) check(node, { specifier: text, typeOnly: true });
      },
      ImportExpression(node) {
        const specifier = node.source.type === "Literal" ? node.source.value : undefined;
        if (typeof specifier === "string") return check(node, { specifier, typeOnly: false });
        if (path.startsWith(DISCOVERY)) return;
        const message = `expected a plain string in import(), found a computed name in ${path}; write the name out`;
        context.report({ node, message });
      },
    };
  },
};

function lawOf(path: string): Law | undefined {
  const [room = "", folder = ""] = path.split("/");
  if (path === "client.ts") return CLIENT;
  if (room === "modules") return moduleLaw(`modules/${folder}/`);
  if (room === "plugins") return pluginLaw(`plugins/${folder}/`);
  if (room !== "core") return undefined;
  if (folder === "model") return coreLaw(["core/model/"], ["zod"]);
  if (folder === "ports") return coreLaw(["core/model/", "core/ports/"], ["zod"]);
  return coreLaw(["core/"], ["zod", "lru-cache", "node:crypto"], { mayTest: folder !== "engine" });
}

const CLIENT: Law = {
  expected: "client.ts to take nothing but types, from modules/ and core/",
  instead: "write `import type` of a module",
  allows: ({ target, typeOnly }) => typeOnly && (target.startsWith("modules/") || target.startsWith("core/")),
};

function moduleLaw(home: string): Law {
  return {
    expected: `a module to import only "annals", "zod" and files of ${home}`,
    instead: "take it from annals, or let a process answer the other module's event",
    allows: ({ specifier, target }) => specifier === "annals" || specifier === "zod" || target.startsWith(home),
  };
}

function pluginLaw(home: string): Law {
  return {
    expected: `a plugin to import only core/, its drivers, statements of schema/ and files of ${home}`,
    instead: "require a service of the other plugin by its ref, or move the shared part to core/",
    allows: ({ specifier, target }) =>
      target.startsWith(home) || isCoreForPlugins(target) || isStatements(target) || isDriver(specifier),
  };
}

function isStatements(target: string): boolean {
  return target.startsWith("schema/") && /\.(sql|cql)$/.test(target);
}

function coreLaw(rooms: string[], packages: string[], { mayTest = false } = {}): Law {
  return {
    expected: `this part of core/ to import only ${[...rooms, ...packages].join(", ")}`,
    instead: "move the code to the layer that may know both (model <- ports <- engine), or pass it in through a port",
    allows: ({ target }) =>
      packages.includes(target) || (rooms.some((room) => target.startsWith(room)) && (mayTest || !isTestKit(target))),
  };
}

/** A test, or what only tests are made of. */
function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || /\/test_\w+\.ts$/.test(path);
}

function allowsInTest(target: string): boolean {
  return isTestKit(target) || target.startsWith("tests/contract/") || isTestPackage(target);
}

function isTestKit(target: string): boolean {
  return target === "core/testing.ts" || target.startsWith("core/testing/");
}

function isTestPackage(target: string): boolean {
  return target.startsWith("@std/") || target === "fast-check";
}

function isCoreForPlugins(target: string): boolean {
  return target.startsWith("core/") && !isTestKit(target);
}

/** A bare, `npm:` or `node:` name. */
function isDriver(specifier: string): boolean {
  if (/^(npm|node):/.test(specifier)) return !/^npm:(@std\/|fast-check)/.test(specifier);
  const isBare = /^(@[\w-]|\w)[\w./-]*$/.test(specifier);
  return isBare && !isTestPackage(specifier) && specifier !== "annals" && !specifier.startsWith("annals/");
}
