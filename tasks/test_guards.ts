import { parseArgs } from "node:util";
import { allGuards } from "../tests/guards/all.ts";
import type { Guard } from "../tests/guards/guards.ts";
import {
  parseAddress,
  redpandaAt,
  scyllaAt,
  type Server,
  startOwnCassandra,
  startOwnKafka,
  startTogether,
} from "./cluster/server.ts";
import { runTogether } from "./run_together.ts";

/**
 * Takes each guard away, one at a time in a copy of the sources, and expects its test to fail: a promise whose guard
 * can go unnoticed is not tested. Without options those whose test needs nothing, in several copies side by side; with
 * `--cluster` those whose test needs servers, on a Cassandra and a Kafka of this run; with `--scylla=IP:PORT` and
 * `--kafka=IP:PORT` the same on those. `--only=TEXT` takes the guards whose promise, file or test has the text, and
 * `--show` shows how their tests fail.
 */
const HANGS_AFTER_MS = 60_000;
/** Far beyond what the slowest of them takes while its guard stands, or that alone would count as noticed. */
const HANGS_ON_SERVER_AFTER_MS = 300_000;
/** Tests that hang only wait; those that need servers would disturb each other's. */
const COPIES = 3;
const NEEDS_SERVER = /_cluster_test\.ts$/;
const CASES = '"@std/testing/bdd": "./tests/std/testing/bdd.ts"';
const CHOSEN_CASES = '"@std/testing/bdd": "./tests/guards/chosen_cases.ts"';
/** In the report of a run that began with a test. */
const RAN = /<testsuites [^>]*tests="[1-9]/;

const { values: { only, cluster, scylla, kafka, show } } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    cluster: { type: "boolean", default: false },
    scylla: { type: "string" },
    kafka: { type: "string" },
    show: { type: "boolean", default: false },
  },
});
const onServer = cluster || scylla !== undefined || kafka !== undefined;
const chosen = allGuards.filter(({ promise, file, test }) =>
  NEEDS_SERVER.test(test) === onServer && [promise, file, test].some((text) => text.includes(only))
);
if (chosen.length === 0) {
  console.error(`expected guards with "${only}", found none${onServer ? "" : " that need no server: try --cluster"}`);
  Deno.exit(1);
}
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stopping.abort());
Deno.exit(await areNoticed(chosen) ? 0 : 1);

async function areNoticed(chosen: readonly Guard[]): Promise<boolean> {
  await using server = onServer ? await openServer() : undefined;
  const waiting = [...chosen];
  let noticed = 0;
  const take = async () => {
    await using copy = await copyOfSources();
    for (let guard = waiting.shift(); guard !== undefined; guard = waiting.shift()) {
      const began = performance.now();
      const fault = await faultOf(guard, { root: copy.path, server });
      if (stopping.signal.aborted) return;
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(
        fault === undefined ? `guarded  ${guard.promise} (${seconds} s)` : `FAULT    ${guard.promise}: ${fault}`,
      );
      if (fault === undefined) noticed += 1;
    }
  };
  await Promise.all(Array.from({ length: onServer ? 1 : COPIES }, take));
  if (stopping.signal.aborted) return false;
  console.log(`${noticed} passed, ${chosen.length - noticed} failed`);
  return noticed === chosen.length;
}

/** Where guards are taken away. */
async function copyOfSources(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "annals-guards-" });
  const copy = { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
  try {
    await copySources(".", path);
    const places = await edit(`${path}/deno.json`, CASES, CHOSEN_CASES);
    if (places !== 1) throw new Error(`expected ${CASES} once in deno.json, found it ${places} times`);
    return copy;
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

function openServer(): Promise<Server> {
  return startTogether([
    scylla === undefined ? startOwnCassandra : async () => scyllaAt(parseAddress("scylla", scylla)),
    kafka === undefined ? startOwnKafka : async () => redpandaAt(parseAddress("kafka", kafka)),
  ]);
}

type Place = { readonly root: string; readonly server: Server | undefined };

async function faultOf(guard: Guard, { root, server }: Place): Promise<string | undefined> {
  const path = `${root}/${guard.file}`;
  const source = await Deno.readTextFile(path);
  try {
    const places = await edit(path, guard.find, guard.replace);
    if (places !== 1) return `expected its text once in ${guard.file}, found it ${places} times`;
    const fault = await noticing(guard, { root, server });
    const obituary = await server?.obituary();
    await server?.mend();
    return obituary === undefined ? fault : `the server has died:\n${obituary}`;
  } finally {
    await Deno.writeTextFile(path, source);
  }
}

/** How often the text stands in the file, which is edited where it does once. */
async function edit(path: string, find: string, replace: string): Promise<number> {
  const source = await Deno.readTextFile(path);
  const places = source.split(find).length - 1;
  if (places === 1) await Deno.writeTextFile(path, source.replace(find, () => replace));
  return places;
}

/** A removed guard may leave an unused name behind, so types are not checked; a test that hangs has noticed, too. */
async function noticing({ test, case: name = "" }: Guard, { root, server }: Place): Promise<string | undefined> {
  const hosts = [...new Set(["127.0.0.1", "localhost", ...server?.hosts ?? []])];
  const net = server !== undefined && server.hosts === undefined ? "--allow-net" : `--allow-net=${hosts}`;
  const report = `${root}/guard.xml`;
  await Deno.writeTextFile(report, "");
  const late = AbortSignal.timeout(server === undefined ? HANGS_AFTER_MS : HANGS_ON_SERVER_AFTER_MS);
  const success = await runTogether("deno", {
    args: [
      ...["test", "--no-check", "--no-prompt", "--sanitize-ops", "--sanitize-resources", "--allow-env", "--allow-read"],
      ...["--allow-write", net, "--allow-run=deno,sh,cat,curl,prlimit"],
      ...[`--junit-path=${report}`, test],
    ],
    cwd: root,
    env: { ...server?.environment(), GUARD_CASE: name },
    stdout: show ? "inherit" : "null",
    stderr: show ? "inherit" : "null",
    signal: AbortSignal.any([late, stopping.signal]),
  });
  if (success) return `${test} passes without it`;
  return late.aborted || RAN.test(await Deno.readTextFile(report)) ? undefined : `${test} cannot even start without it`;
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
