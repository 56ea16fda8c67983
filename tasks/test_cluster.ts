import { cacheDirectory } from "../tests/cluster/servers/cache.ts";
import { DenoTests } from "./cluster/deno_tests.ts";
import {
  parseAddress,
  redpandaAt,
  scyllaAt,
  type Server,
  startOwnCassandra,
  startOwnKafka,
  startTogether,
} from "./cluster/server.ts";

/**
 * Runs every `*_cluster_test.ts` on real servers: first those that share them, in parallel; then, one after the other,
 * every `*_alone_cluster_test.ts`, which may pause them, kill them or take them all. The servers are a Cassandra and a
 * Kafka of this run, or those of `--scylla=IP:PORT` and `--kafka=IP:PORT`. File and folder names choose tests; other
 * arguments go to `deno test`.
 */
const ROOMS = ["plugins", "tests"];
const TEST = /_cluster_test\.ts$/;
const ALONE = /_alone_cluster_test\.ts$/;

type Choice = {
  readonly scylla: string | undefined;
  readonly kafka: string | undefined;
  readonly places: readonly string[];
  readonly flags: readonly string[];
};

const tests = new DenoTests(Deno.stdout.writable);
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => tests.interrupt());
try {
  await main(readArguments(Deno.args));
  Deno.exitCode = tests.code;
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}
Deno.exit(); // The listeners of signals would wait for more.

async function main({ scylla, kafka, places, flags }: Choice): Promise<void> {
  const files = await findTests(places);
  await using server = await startTogether([
    scylla === undefined ? startOwnCassandra : async () => scyllaAt(parseAddress("scylla", scylla)),
    kafka === undefined ? startOwnKafka : async () => redpandaAt(parseAddress("kafka", kafka)),
  ]);
  console.log(`Testing on ${server.name} with ${files.length} files`);
  const started = performance.now();
  await runAll(server, { files, flags });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const obituary = await server.obituary();
  if (obituary !== undefined) console.error(obituary);
  if (tests.ignored > 0 && (scylla ?? kafka) !== undefined) {
    console.log("Skipped: tests that pause or kill a server that is given, for it is not ours to disturb");
  }
  if (tests.isInterrupted) console.log("Interrupted: not every test has run");
  else if (tests.code !== 0 && tests.failed === 0) console.log("A run failed without a failed test: see above");
  const skipped = tests.ignored === 0 ? "" : `, ${tests.ignored} skipped`;
  console.log(`${server.name}, tests in ${seconds} s: ${tests.passed} passed, ${tests.failed} failed${skipped}`);
}

async function runAll(
  server: Server,
  { files, flags }: { files: readonly string[]; flags: readonly string[] },
): Promise<void> {
  const sharing = files.filter((file) => !ALONE.test(file));
  const allowed = ["--allow-env", "--allow-read", "--allow-run=deno,sh"];
  const common = ["--no-prompt", "--sanitize-ops", "--sanitize-resources", ...allowed, ...flags];
  const hosts = server.hosts?.concat("127.0.0.1", "localhost");
  const net = hosts === undefined ? "--allow-net" : `--allow-net=${[...new Set(hosts)].join(",")}`;
  if (sharing.length > 0) {
    const all = ["--parallel", ...common, net, "--allow-write=data"];
    await tests.run({ files: sharing, flags: all, environment: server.environment() });
  }
  // Servers that a test starts for itself live in the cache.
  const write = `--allow-write=data,${await cacheDirectory()}`;
  for (const file of files.filter((file) => ALONE.test(file))) {
    await server.mend();
    await tests.run({ files: [file], flags: [...common, net, write], environment: server.environment() });
  }
}

function readArguments(args: readonly string[]): Choice {
  const rest = [...args];
  const [scylla, kafka] = [takeOption(rest, "scylla"), takeOption(rest, "kafka")];
  const isPlace = (arg: string) => ROOMS.includes(arg.replace(/^\.\//, "").split("/")[0] ?? "");
  return {
    scylla,
    kafka,
    places: rest.filter(isPlace).map((arg) => arg.replace(/^\.\//, "")),
    flags: rest.filter((arg) => !isPlace(arg)),
  };
}

/** Takes `--name=value` or `--name value` out of the arguments. */
function takeOption(args: string[], name: string): string | undefined {
  const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  if (at < 0) return undefined;
  const inline = args[at]?.split("=")[1];
  const taken = args.splice(at, inline === undefined ? 2 : 1);
  return inline ?? taken[1] ?? "";
}

async function findTests(places: readonly string[]): Promise<string[]> {
  const all = (await Promise.all(ROOMS.map(walk))).flat().filter((path) => TEST.test(path)).sort();
  const isIn = (path: string, place: string) => path === place || path.startsWith(`${place.replace(/\/$/, "")}/`);
  for (const place of places) {
    if (all.some((path) => isIn(path, place))) continue;
    throw new Error(`expected a *_cluster_test.ts at ${place}, found none; there are:\n${all.join("\n")}`);
  }
  return places.length === 0 ? all : all.filter((path) => places.some((place) => isIn(path, place)));
}

async function walk(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) paths.push(...await walk(path));
    else paths.push(path);
  }
  return paths;
}
