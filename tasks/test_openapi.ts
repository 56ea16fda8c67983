import { parseArgs } from "node:util";
import { scratchDirectory, startService } from "./child.ts";

/**
 * Sends made-up requests to a service of its own and holds each answer against `/openapi.json`, with schemathesis from
 * PyPI. `--requests=N` is how many there are at least, `--seed=N` which ones.
 */
const { values } = parseArgs({
  options: { requests: { type: "string", default: "1000" }, seed: { type: "string", default: "1" } },
});
const VERSION = "4.32.5";
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];
/** Into a place of its own; `complete` is there once all of it is. */
const INSTALL = `set -e
command -v python3 >/dev/null || { echo "This task needs python3 with its venv module: install both" >&2; exit 2; }
python3 -m venv --clear "$0"
"$0/bin/python" -m pip install --quiet --disable-pip-version-check schemathesis==${VERSION}
touch "$0/complete"`;

const requests = wholeNumber("requests", values.requests);
const seed = wholeNumber("seed", values.seed);
const environment = await install();
await using scratch = await scratchDirectory("openapi");
await using service = await startService(`${scratch.path}/store`);
const operations = await countOperations(service.url);
const report = `${Deno.cwd()}/${scratch.path}/report.json`;
const { code } = await run(`${environment}/bin/schemathesis`, {
  args: [
    ...["run", `${service.url}/openapi.json`, "--phases", "examples,coverage,fuzzing", "--checks", CHECKS.join(",")],
    // A topic tells events until its reader leaves.
    ...["--exclude-path-regex", "^/topics/", "--max-examples", String(Math.ceil(requests / operations))],
    ...["--seed", String(seed), "--workers", "2", "--request-timeout", "10", "--continue-on-failure", "--no-color"],
    ...["--suppress-health-check", "all", "--generation-database", "none", "--warnings", "off"],
    ...["--report", "json", "--report-json-path", report],
  ],
  cwd: scratch.path,
  environment: { PYTHONPATH: `${Deno.cwd()}/tasks`, PYTHONDONTWRITEBYTECODE: "1", SCHEMATHESIS_HOOKS: "openapi_hooks" },
});
if (!await exists(report)) throw new Error("Cannot tell what was sent: schemathesis wrote no report, see above");
const { test_cases: { generated }, operations: { tested } } = JSON.parse(await Deno.readTextFile(report));
const enough = generated >= requests;
console.log(`${generated} requests to ${tested} operations: ${verdict({ code, enough })}`);
Deno.exitCode = code === 0 && enough ? 0 : 1;

function verdict({ code, enough }: { code: number; enough: boolean }): string {
  if (code !== 0) return "some answers were not as /openapi.json says, see above";
  return enough ? "every answer was as /openapi.json says" : `expected at least ${requests}`;
}

async function install(): Promise<string> {
  const { XDG_CACHE_HOME, HOME, TMPDIR } = Deno.env.toObject();
  const cache = XDG_CACHE_HOME ?? (HOME === undefined ? TMPDIR ?? "/tmp" : `${HOME}/.cache`);
  const directory = `${cache}/annals/schemathesis-${VERSION}`;
  if (await exists(`${directory}/complete`)) return directory;
  console.log(`Installing schemathesis ${VERSION} into ${directory}`);
  const { code } = await new Deno.Command("sh", { args: ["-c", INSTALL, directory] }).spawn().status;
  if (code !== 0) Deno.exit(code);
  return directory;
}

async function run(
  program: string,
  { args, cwd, environment }: { args: readonly string[]; cwd: string; environment: Record<string, string> },
): Promise<Deno.CommandStatus> {
  const command = new Deno.Command("sh", { args: ["-c", 'exec "$0" "$@"', program, ...args], cwd, env: environment });
  return await command.spawn().status;
}

async function countOperations(url: string): Promise<number> {
  const { paths }: { paths: Record<string, object> } = await (await fetch(`${url}/openapi.json`)).json();
  return Object.entries(paths).filter(([path]) => !path.startsWith("/topics/"))
    .reduce((count, [, methods]) => count + Object.keys(methods).length, 0);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text);
  console.error(`Cannot use --${name}=${text}: expected a whole number`);
  Deno.exit(2);
}
