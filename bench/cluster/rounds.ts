import type { Service } from "../../tasks/child.ts";
import type { Load } from "../load.ts";
import { Metrics } from "../metrics.ts";
import { percentile } from "../statistics.ts";
import { startCopy, whenProjected } from "./copy.ts";
import type { BenchDatabase } from "./database.ts";
import { CONCURRENCY, loadAccounts } from "./load.ts";
import { type Raw, startRaw } from "./raw.ts";
import { measureVisible, type Visible } from "./visible.ts";

export type RoundsOptions = {
  readonly rounds: number;
  readonly seconds: number;
  /** Of each copy, and of the database before all rounds. */
  readonly warmUpSeconds: number;
  readonly serverWarmUpSeconds: number;
  readonly pacedSeconds: number;
  readonly samplesPerSecond: number;
  readonly say: (line: string) => void;
};

/**
 * A new copy of the service on a keyspace of its own, at full and at quarter load, and the raw driver alone before it
 * and after it: a server that gets faster or slower meanwhile favours neither.
 */
export type Round = {
  readonly raw: readonly [before: Load, after: Load];
  readonly service: Load & { readonly caughtUpMs: number };
  readonly visible: Visible;
};

const QUARTER = 0.25;

export async function measureRounds(database: BenchDatabase, options: RoundsOptions): Promise<readonly Round[]> {
  await using raw = await startRaw(database.address, await database.migrated("raw"));
  await raw.commits(options.serverWarmUpSeconds);
  const rounds: Round[] = [];
  for (let at = 1; at <= options.rounds; at++) {
    const round = await measureRound({ database, raw, keyspace: database.keyspace(`copy${at}`) }, options);
    options.say(`round ${at}: ${summary(round)}`);
    rounds.push(round);
  }
  return rounds;
}

async function measureRound(
  { database, raw, keyspace }: { readonly database: BenchDatabase; readonly raw: Raw; readonly keyspace: string },
  options: RoundsOptions,
): Promise<Round> {
  const { seconds } = options;
  const before = await raw.commits(seconds / 2);
  const { service, visible } = await measureCopy({ address: database.address, keyspace }, options);
  return { raw: [before, await raw.commits(seconds / 2)], service, visible };
}

async function measureCopy(
  place: { readonly address: string; readonly keyspace: string },
  { seconds, warmUpSeconds, pacedSeconds, samplesPerSecond }: RoundsOptions,
): Promise<Pick<Round, "service" | "visible">> {
  await using copy = await startCopy(place);
  await loadCopy(copy, warmUpSeconds);
  const service = await loadCopy(copy, seconds);
  const perSecond = service.perSecond * QUARTER;
  const visible = await measureVisible(copy, { perSecond, seconds: pacedSeconds, samplesPerSecond });
  return { service, visible };
}

/** Loads it fully and waits until its view shows everything: what is measured next has the machine for itself. */
async function loadCopy(copy: Service, seconds: number): Promise<Round["service"]> {
  const appended = async () => (await Metrics.of(copy)).total("events_appended_total");
  const before = await appended();
  const load = await loadAccounts(copy.url, seconds);
  const { afterMs: caughtUpMs } = await whenProjected(copy);
  const stored = await appended() - before;
  // One may be on its way on each connection when a load ends.
  if (stored < load.requests || stored > load.requests + 2 * CONCURRENCY) {
    throw new Error(`expected an event for each of ${load.requests} commands, found ${stored}`);
  }
  return { ...load, caughtUpMs };
}

/** Commits a second of the raw driver in a round. */
export function rawPerSecond({ raw: [before, after] }: Round): number {
  return (before.perSecond + after.perSecond) / 2;
}

function summary(round: Round): string {
  const { service, visible } = round;
  const [full, bare] = [service.perSecond, rawPerSecond(round)].map((rate) => `${Math.round(rate)}/s`);
  const [p50, p99] = [50, 99].map((percent) => `${Math.round(percentile(visible.ms, percent))} ms`);
  const paced = `visible at ${Math.round(visible.perSecond)}/s after ${p50}, p99 ${p99} of ${visible.ms.length}`;
  return `service ${full}, raw ${bare}, caught up after ${Math.round(service.caughtUpMs)} ms; ${paced}`;
}
