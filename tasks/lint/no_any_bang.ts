import { repositoryPath } from "./repository_path.ts";

const DEFAULT_EXPORTS = /^((tests|tasks)\/(.+\/)?)?(modules|plugins)\/[^/]+\/mod\.ts$/;
/** Deno loads a lint plugin by its default export. */
const LINT_PLUGIN = "tasks/lint/house.ts";
const IGNORE = /^\s*deno-lint-ignore(?:-file)?(?![\w-])([^]*)$/;

export const noAnyBang: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    const mayDefault = DEFAULT_EXPORTS.test(path) || path === LINT_PLUGIN;
    const report = (node: Deno.lint.Node, message: string) => context.report({ node, message });
    const reportDefault = (node: Deno.lint.Node) => {
      if (!mayDefault) report(node, `expected named exports, found a default export in ${path}; give it its name`);
    };
    const reportBang = (node: Deno.lint.Node, found: string) =>
      report(node, `expected a proof that the value is there, found ${found}; test it, or change the type`);
    return {
      Program: () => checkIgnores(context),
      TSAnyKeyword: (node) => report(node, "expected a type, found any; write the type, or unknown and narrow it"),
      TSNonNullExpression: (node) => reportBang(node, "a non-null !"),
      VariableDeclarator(node) {
        if (node.definite) reportBang(node, "a definite assignment !");
      },
      PropertyDefinition(node) {
        // The tree has no word for it: only the source shows the ! behind the name.
        if (context.sourceCode.text[node.key.range[1]] === "!") reportBang(node, "a definite assignment !");
      },
      TSEnumDeclaration: (node) =>
        report(node, "expected a union of strings, found an enum; write `type T = 'a' | 'b'` or a const object"),
      Decorator: (node) => report(node, "expected plain code, found a decorator; call a function with the value"),
      ExportDefaultDeclaration: reportDefault,
      ExportSpecifier(node) {
        const name = node.exported.type === "Identifier" ? node.exported.name : node.exported.value;
        if (name === "default") reportDefault(node);
      },
    };
  },
};

/** A directive without rule names silences every rule, so the house's too. */
function checkIgnores(context: Deno.lint.RuleContext): void {
  for (const comment of context.sourceCode.getAllComments()) {
    const names = IGNORE.exec(comment.value)?.[1]?.split("--")[0]?.split(/[\s,]+/).filter((name) => name !== "");
    if (names === undefined || (names.length > 0 && !names.some((name) => name.startsWith("house/")))) continue;
    const found = `deno-lint-ignore of ${names.join(", ") || "every rule"}`;
    const message = `expected the rules of the house to hold, found ${found}; mend the code, or name other rules only`;
    context.report({ range: comment.range, message });
  }
}
