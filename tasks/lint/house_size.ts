import { isTest, repositoryPath } from "./repository_path.ts";

const FILE_LINES = 250;
const TEST_FILE_LINES = 400;
const FUNCTION_LINES = 50;
const LINE_CHARACTERS = 120;
const SUITE_FUNCTIONS = ["describe", "it"];

type FunctionNode = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression;

export const houseSize: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    const checkFunction = (node: FunctionNode) => {
      if (isTest(path) || isSuiteCallback(node)) return;
      const lines = context.sourceCode.getText(node).split("\n").length;
      if (lines <= FUNCTION_LINES) return;
      const message = `expected a function of at most ${FUNCTION_LINES} lines, found ${lines}; name its parts`;
      context.report({ node, message });
    };
    return {
      Program: () => checkLines(context, isTest(path) ? TEST_FILE_LINES : FILE_LINES),
      FunctionDeclaration: checkFunction,
      FunctionExpression: checkFunction,
      ArrowFunctionExpression: checkFunction,
    };
  },
};

function checkLines(context: Deno.lint.RuleContext, fileLines: number): void {
  const lines = context.sourceCode.text.replace(/\n$/, "").split("\n");
  if (lines.length > fileLines) {
    const message = `expected a file of at most ${fileLines} lines, found ${lines.length}; give a part its own file`;
    context.report({ range: [0, 0], message });
  }
  let start = 0;
  for (const line of lines) {
    const characters = line.length > LINE_CHARACTERS ? [...line.replace(/\r$/, "")].length : 0;
    if (characters > LINE_CHARACTERS) {
      const message = `expected a line of at most ${LINE_CHARACTERS} characters, found ${characters}; break it`;
      context.report({ range: [start, start + line.length], message });
    }
    start += line.length + 1;
  }
}

function isSuiteCallback(node: FunctionNode): boolean {
  if (node.parent.type !== "CallExpression") return false;
  const { callee } = node.parent;
  return callee.type === "Identifier" && SUITE_FUNCTIONS.includes(callee.name);
}
