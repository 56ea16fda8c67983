/** `describe` and `it` of `@std/testing/bdd`: a top-level one is a `Deno.test`, a nested one a step of it. */

type Hook = () => void | Promise<void>;
type CaseFunction = (context: Deno.TestContext) => void | Promise<void>;
type HookName = "beforeAll" | "beforeEach" | "afterEach" | "afterAll";
type Child = { name: string; run(context: Deno.TestContext, path: Suite[]): Promise<void> };
type Suite = Record<HookName, Hook[]> & { children: Child[] };

const root = newSuite();
let current = root;
let started = false;

export function describe(name: string, declare: () => void): void {
  const parent = current;
  const suite = newSuite();
  current = suite;
  try {
    const result: unknown = declare();
    if (result instanceof Promise) {
      throw new TypeError(`expected describe("${name}") to declare synchronously, found a promise; await in beforeAll`);
    }
  } finally {
    current = parent;
  }
  add({ name, run: (context, path) => runSuite(suite, { context, path: [...path, suite] }) });
}

export function it(name: string, fn: CaseFunction): void {
  add({ name, run: (context, path) => runCase(fn, { context, path }) });
}

export function beforeAll(fn: Hook): void {
  addHook("beforeAll", fn);
}

export function beforeEach(fn: Hook): void {
  addHook("beforeEach", fn);
}

export function afterEach(fn: Hook): void {
  addHook("afterEach", fn);
}

export function afterAll(fn: Hook): void {
  addHook("afterAll", fn);
}

function newSuite(): Suite {
  return { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [], children: [] };
}

function add(child: Child): void {
  refuseWhenStarted(child.name);
  if (current !== root) {
    current.children.push(child);
    return;
  }
  Deno.test(child.name, (context) => {
    started = true;
    return child.run(context, [root]);
  });
}

function addHook(name: HookName, fn: Hook): void {
  refuseWhenStarted(name);
  // Every top-level describe is a test of its own, so only Deno knows the first and the last of them.
  if (current === root && name === "beforeAll") Deno.test.beforeAll(fn);
  else if (current === root && name === "afterAll") Deno.test.afterAll(fn);
  else current[name].push(fn);
}

function refuseWhenStarted(name: string): void {
  if (!started) return;
  throw new Error(`expected "${name}" before the first test runs, found it inside one; declare it in a describe`);
}

async function runSuite(suite: Suite, { context, path }: { context: Deno.TestContext; path: Suite[] }): Promise<void> {
  for (const hook of suite.beforeAll) await hook();
  try {
    for (const child of suite.children) {
      await context.step(child.name, (step) => child.run(step, path));
    }
  } finally {
    for (const hook of suite.afterAll) await hook();
  }
}

async function runCase(
  fn: CaseFunction,
  { context, path }: { context: Deno.TestContext; path: Suite[] },
): Promise<void> {
  const [suite, ...inner] = path;
  if (suite === undefined) return await fn(context);
  for (const hook of suite.beforeEach) await hook();
  try {
    await runCase(fn, { context, path: inner });
  } finally {
    for (const hook of suite.afterEach) await hook();
  }
}
