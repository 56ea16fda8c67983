import { isTest, repositoryPath } from "./repository_path.ts";

const FORBIDDEN = new Map<string, string[]>([
  ["Date", ["now"]],
  ["performance", ["now"]],
  ["Math", ["random"]],
  ["AbortSignal", ["timeout"]],
  ["crypto", ["randomUUID"]],
  ["globalThis", ["setTimeout", "setInterval"]],
]);
const GLOBALS = ["globalThis", "self", "window"];
const TIMER_MODULES = ["node:timers", "node:timers/promises"];
const HOST_MODULES = new Map([["node:crypto", "crypto"], ["node:perf_hooks", "globalThis"]]);

export const houseClock: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    if (!isBound(path, context.sourceCode.text)) return {};
    const finder = new ClockFinder((node, found) => {
      const advice = path.startsWith("plugins/")
        ? "take it from the runtime service, or begin the file with `// edge: <reason>`"
        : "take it from the runtime port, or from the context or source passed in";
      context.report({ node, message: `expected time and chance from ports/runtime, found ${found}; ${advice}` });
    });
    return {
      ImportDeclaration: (node) => finder.checkImport(node),
      VariableDeclarator: (node) => finder.checkBinding(node.id, node.init),
      AssignmentExpression: (node) => finder.checkBinding(node.left, node.right),
      MemberExpression: (node) => finder.checkMember(node),
      NewExpression: (node) => finder.checkNew(node),
      CallExpression: (node) => finder.checkCall(node),
      Identifier: (node) => finder.checkIdentifier(node),
    };
  },
};

function isBound(path: string, source: string): boolean {
  if (path.startsWith("core/") || path.startsWith("modules/")) return true;
  if (!path.startsWith("plugins/") || path.startsWith("plugins/runtime/") || isTest(path)) return false;
  return !/^\/\/ edge: \S/.test(source);
}

class ClockFinder {
  /** Local names of the hosts, so that `const D = Date` and `import * as c from "node:crypto"` hide nothing. */
  readonly #hosts = new Map<string, string>();
  readonly #report: (node: Deno.lint.Node, found: string) => void;

  constructor(report: (node: Deno.lint.Node, found: string) => void) {
    this.#report = report;
    for (const host of FORBIDDEN.keys()) this.#hosts.set(host, host);
    for (const name of GLOBALS) this.#hosts.set(name, "globalThis");
  }

  checkImport(node: Deno.lint.ImportDeclaration): void {
    const source = node.source.value;
    if (TIMER_MODULES.includes(source)) this.#report(node, `import of ${source}`);
    const host = HOST_MODULES.get(source);
    if (host === undefined) return;
    for (const specifier of node.specifiers) {
      const name = specifier.type === "ImportSpecifier" ? nameOf(specifier.imported) : undefined;
      if (name === undefined) this.#hosts.set(specifier.local.name, host);
      else if (isForbidden(host, name)) this.#report(specifier, `import of ${name} from ${source}`);
      else if (name === "webcrypto") this.#hosts.set(specifier.local.name, "crypto");
      else if (FORBIDDEN.has(name)) this.#hosts.set(specifier.local.name, name);
    }
  }

  checkBinding(target: Deno.lint.Node, value: Deno.lint.Node | null): void {
    const host = value === null ? undefined : this.#hostOf(value);
    if (host === undefined) return;
    if (target.type === "Identifier") this.#hosts.set(target.name, host);
    if (target.type !== "ObjectPattern") return;
    for (const property of target.properties) {
      if (property.type !== "Property") continue;
      const name = nameOf(property.key);
      if (name === undefined) continue;
      if (isForbidden(host, name)) this.#report(property, `${host}.${name} destructured`);
      else if (host === "globalThis" && FORBIDDEN.has(name)) this.#bindNested(property.value, name);
    }
  }

  checkMember(node: Deno.lint.MemberExpression): void {
    const host = this.#hostOf(node.object);
    const name = memberName(node);
    if (host !== undefined && name !== undefined && isForbidden(host, name)) this.#report(node, `${host}.${name}`);
  }

  checkNew(node: Deno.lint.NewExpression): void {
    if (node.arguments.length === 0 && this.#hostOf(node.callee) === "Date") this.#report(node, "new Date()");
  }

  checkCall(node: Deno.lint.CallExpression): void {
    if (this.#hostOf(node.callee) === "Date") this.#report(node, "Date()");
  }

  checkIdentifier(node: Deno.lint.Identifier): void {
    if (isForbidden("globalThis", node.name) && isRead(node)) this.#report(node, node.name);
  }

  #bindNested(target: Deno.lint.Node, host: string): void {
    if (target.type === "Identifier") this.#hosts.set(target.name, host);
    if (target.type !== "ObjectPattern") return;
    for (const property of target.properties) {
      const name = property.type === "Property" ? nameOf(property.key) : undefined;
      if (name !== undefined && isForbidden(host, name)) this.#report(property, `${host}.${name} destructured`);
    }
  }

  #hostOf(node: Deno.lint.Node): string | undefined {
    if (node.type === "Identifier") return this.#hosts.get(node.name);
    if (node.type !== "MemberExpression" || this.#hostOf(node.object) !== "globalThis") return undefined;
    const name = memberName(node);
    return name !== undefined && FORBIDDEN.has(name) ? name : undefined;
  }
}

function isForbidden(host: string, name: string): boolean {
  return FORBIDDEN.get(host)?.includes(name) ?? false;
}

function memberName(node: Deno.lint.MemberExpression): string | undefined {
  return node.computed && node.property.type === "Identifier" ? undefined : nameOf(node.property);
}

function nameOf(node: Deno.lint.Node): string | undefined {
  if (node.type === "Identifier") return node.name;
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** A timer's name may be a field or a declaration of a port; only its use as a value reaches the global. */
function isRead(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  const isAt = (place: Deno.lint.Node | null) => place !== null && place.range[0] === node.range[0];
  if (parent.type === "CallExpression" || parent.type === "NewExpression") return true;
  if (parent.type === "VariableDeclarator") return isAt(parent.init);
  if (parent.type === "AssignmentExpression" || parent.type === "AssignmentPattern") return isAt(parent.right);
  if (parent.type === "Property") return parent.parent.type === "ObjectExpression" && isAt(parent.value);
  if (parent.type === "ArrowFunctionExpression") return isAt(parent.body);
  return ["ReturnStatement", "ConditionalExpression", "LogicalExpression", "ArrayExpression"].includes(parent.type);
}
