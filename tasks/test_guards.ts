import { parseArgs } from "node:util";
import { type Guard, guards } from "../tests/guards/guards.ts";

/**
 * Takes each guard away, one at a time in a copy of the sources, and expects its test to fail: a promise whose guard
 * can go unnoticed is not tested. `--only=TEXT` takes the guards whose promise has the text.
 */
const HANGS_AFTER_MS = 60_000;
const { values: { only } } = parseArgs({ options: { only: { type: "string", default: "" } } });
const copy = await Deno.makeTempDir({ prefix: "annals-guards-" });
const failures: string[] = [];
try {
  await copySources(".", copy);
  const chosen = guards.filter(({ promise }) => promise.includes(only));
  for (const guard of chosen) {
    const fault = await faultOf(guard, copy);
    console.log(
      `${fault === undefined ? "guarded" : "FAULT  "}  ${guard.promise}${fault === undefined ? "" : `: ${fault}`}`,
    );
    if (fault !== undefined) failures.push(guard.promise);
  }
  console.log(`${chosen.length - failures.length} passed, ${failures.length} failed`);
} finally {
  await Deno.remove(copy, { recursive: true });
}
if (failures.length > 0) Deno.exit(1);

async function faultOf({ file, find, replace, test }: Guard, root: string): Promise<string | undefined> {
  const path = `${root}/${file}`;
  const source = await Deno.readTextFile(path);
  const places = source.split(find).length - 1;
  if (places !== 1) return `expected its text once in ${file}, found it ${places} times`;
  try {
    await Deno.writeTextFile(path, source.replace(find, () => replace));
    return await passes(test, root) ? `${test} passes without it` : undefined;
  } finally {
    await Deno.writeTextFile(path, source);
  }
}

/** A removed guard may leave an unused name behind, so types are not checked; a test that hangs has noticed, too. */
async function passes(test: string, root: string): Promise<boolean> {
  const child = new Deno.Command("deno", {
    args: [
      ...["test", "--no-check", "--no-prompt", "--sanitize-ops", "--sanitize-resources", "--allow-env", "--allow-read"],
      ...["--allow-write", "--allow-net=127.0.0.1,localhost", "--allow-run=deno,sh,cat,curl,prlimit", test],
    ],
    cwd: root,
    stdout: "null",
    stderr: "null",
  }).spawn();
  const hangs = setTimeout(() => child.kill("SIGKILL"), HANGS_AFTER_MS);
  const { success } = await child.status;
  clearTimeout(hangs);
  return success;
}

async function copySources(from: string, to: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (["data", "coverage", "node_modules", ".git"].includes(name)) continue;
    if (isDirectory) {
      await Deno.mkdir(`${to}/${name}`);
      await copySources(`${from}/${name}`, `${to}/${name}`);
    } else {
      await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    }
  }
}
