import { parseArgs } from "node:util";
import { describeMachine, DRIVER } from "../machine.ts";
import { print, type Report } from "../report.ts";
import { BenchDatabase } from "./database.ts";
import { type Idle, measureIdle } from "./idle.ts";
import { CONCURRENCY } from "./load.ts";
import { measureReplay } from "./replay.ts";
import { figuresOf, ratesOf } from "./results.ts";
import { measureRounds } from "./rounds.ts";

/** Measures the figures of the cluster store and prints them. What it finds is to be read: no figure makes it fail. */
type Scale = {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly serverWarmUpSeconds: number;
  readonly pacedSeconds: number;
  readonly samplesPerSecond: number;
  readonly streams: number;
  readonly eventsPerStream: number;
  readonly idleSeconds: number;
};

const FULL: Scale = {
  rounds: 3,
  seconds: 8,
  warmUpSeconds: 4,
  serverWarmUpSeconds: 15,
  pacedSeconds: 12,
  samplesPerSecond: 20,
  streams: 8_000,
  eventsPerStream: 10,
  idleSeconds: 20,
};
const QUICK: Scale = {
  rounds: 3,
  seconds: 2,
  warmUpSeconds: 2,
  serverWarmUpSeconds: 6,
  pacedSeconds: 4,
  samplesPerSecond: 20,
  streams: 1_000,
  eventsPerStream: 10,
  idleSeconds: 7,
};

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    scylla: { type: "string" },
  },
});
try {
  const report = await run(values);
  console.log(print(report));
  if (values.json !== undefined) await Deno.writeTextFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

async function run({ quick, scylla }: { readonly quick: boolean; readonly scylla?: string }): Promise<Report> {
  const scale = quick ? QUICK : FULL;
  const at = new Date().toISOString();
  const { sqlite: _, ...machine } = await describeMachine();
  await using database = await BenchDatabase.open(scylla);
  const rounds = await measureRounds(database, { ...scale, say });
  const keyspace = await database.migrated("replay");
  const replays = await measureReplay({ database, keyspace }, { ...scale, say });
  const idles = database.nodes === 1 ? await idleOn(database, { keyspace, scale }) : [];
  const { rounds: count, seconds, pacedSeconds, streams, eventsPerStream, idleSeconds } = scale;
  const settings = {
    ...machine,
    driver: DRIVER,
    ...database.settings,
    load: `${count} rounds of ${seconds} s a load, ${CONCURRENCY} at a time, each opens an account`,
    paced: `${pacedSeconds} s a round, ${scale.samplesPerSecond} a second followed by asking the view again and again`,
    replay: `${streams} streams of ${eventsPerStream} events`,
    idle: idles.length === 0 ? "not measured: counted before a single node only" : `${count} times ${idleSeconds} s`,
  };
  const measured = { rounds, replays, idles };
  return { at, quick, settings, figures: figuresOf(measured), rates: ratesOf(measured) };
}

function idleOn(
  { address }: BenchDatabase,
  { keyspace, scale }: { readonly keyspace: string; readonly scale: Scale },
): Promise<readonly Idle[]> {
  return measureIdle({ address, keyspace, rounds: scale.rounds, seconds: scale.idleSeconds, say });
}

function say(line: string): void {
  console.error(line);
}
