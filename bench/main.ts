import { parseArgs } from "node:util";
import { measureCold } from "./cold.ts";
import type { Measured } from "./figures.ts";
import { keeperIn } from "./keep.ts";
import { describeMachine } from "./machine.ts";
import { figuresOf, print, ratesOf, type Report } from "./report.ts";
import { measureRounds } from "./rounds.ts";
import { measureStart } from "./start.ts";
import { measureVolume } from "./volume.ts";

/** Measures every figure and prints the table. What it finds is to be read: no figure makes it fail. */
type Scale = {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
  readonly fsyncs: number;
  readonly longStream: number;
  readonly starts: number;
  readonly commands: number;
};

const FULL: Scale = {
  rounds: 3,
  seconds: 10,
  connections: [1, 32, 128],
  fsyncs: 1_000,
  longStream: 100_000,
  starts: 5,
  commands: 1_000_000,
};
const QUICK: Scale = {
  rounds: 3,
  seconds: 1,
  connections: [32, 128],
  fsyncs: 200,
  longStream: 5_000,
  starts: 3,
  commands: 50_000,
};

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    /** Only what a token could change. */
    auth: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
try {
  const keep = await keeperIn(values.json);
  const report = await run(values);
  console.log(print(report));
  await keep(report);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

async function run({ quick, auth }: { quick: boolean; auth: boolean }): Promise<Report> {
  const scale = quick ? QUICK : FULL;
  const at = new Date().toISOString();
  const machine = await describeMachine();
  const { rounds, durability } = await measureRounds({ ...scale, auth, say });
  const figures: Measured = auth ? figuresOf(rounds) : {
    ...figuresOf(rounds),
    longStream: await measureCold(scale),
    start: await measureStart(scale.starts),
    ...await measureVolume({ ...scale, say }),
  };
  const { journalMode, synchronous } = durability;
  const settings = {
    ...machine,
    journal_mode: journalMode,
    synchronous,
    load: `${scale.rounds} rounds of ${scale.seconds} s a load, 10,000 accounts, 128 connections unless said`,
    long_stream: `${scale.longStream} events`,
    volume: `${scale.commands} commands`,
    authentication: auth ? "a token with each request" : "none",
  };
  return { at, quick, settings, figures, rates: ratesOf(rounds) };
}

function say(line: string): void {
  console.error(line);
}
