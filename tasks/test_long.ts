import { parseArgs } from "node:util";

/**
 * Runs the tests whose number of cases is an environment variable's, with as many as a night has room for, and prints
 * what it ran. `--only=TEXT` takes those whose name has the text, `--cases=NUMBER` gives each so many.
 */
type Long = { readonly name: string; readonly variable: string; readonly cases: number; readonly test: string };

const LONG: readonly Long[] = [
  {
    name: "hostile requests",
    variable: "HOSTILE_CASES",
    cases: 1_000_000,
    test: "tests/http/hostile_test.ts",
  },
  { name: "made-up paths", variable: "SERIES_PATHS", cases: 100_000, test: "tests/http/series_test.ts" },
  { name: "kills at random moments", variable: "CRASH_ROUNDS", cases: 1_000, test: "tests/service/crash_test.ts" },
  {
    name: "readers that never read",
    variable: "SILENT_READERS",
    cases: 10_000,
    test: "tests/service/silent_readers_test.ts",
  },
  { name: "stops at random moments", variable: "STOP_MOMENTS", cases: 200, test: "tests/service/stop_test.ts" },
];

const { values: { only, cases } } = parseArgs({
  options: { only: { type: "string", default: "" }, cases: { type: "string" } },
});
if (cases !== undefined && !/^[1-9][0-9]{0,8}$/.test(cases)) {
  console.error(`expected --cases to be a number above 0, found ${cases}`);
  Deno.exit(1);
}
const chosen = LONG.filter(({ name }) => name.includes(only));
if (chosen.length === 0) {
  console.error(`expected one of ${LONG.map(({ name }) => name).join(", ")}, found none with "${only}"`);
  Deno.exit(1);
}
const ran: string[] = [];
for (const long of chosen) ran.push(await run({ ...long, cases: cases === undefined ? long.cases : Number(cases) }));
console.log(ran.join("\n"));
if (ran.some((line) => line.startsWith("FAILED"))) Deno.exit(1);

async function run({ name, variable, cases, test }: Long): Promise<string> {
  console.log(`${cases} ${name}: ${test}`);
  const began = performance.now();
  const { success } = await new Deno.Command("deno", {
    args: [
      ...["test", "--no-check", "--no-prompt", "--sanitize-ops", "--sanitize-resources", "--allow-env", "--allow-read"],
      ...["--allow-write", "--allow-net=127.0.0.1,localhost", "--allow-run=deno,sh,cat,curl,prlimit", test],
    ],
    env: { [variable]: String(cases) },
    stdin: "null",
  }).spawn().status;
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  return `${success ? "passed" : "FAILED"} ${cases} ${name} in ${seconds} s`;
}
