import type { Load } from "../load.ts";
import { percentile } from "../statistics.ts";
import { type Place, startCopy } from "./copy.ts";
import type { BenchDatabase } from "./database.ts";
import { loadCopy, type Loaded } from "./load.ts";
import { measurePaced, type Paced } from "./paced.ts";
import { type Raw, startRaw } from "./raw.ts";
import type { Scale } from "./scale.ts";
import { whenVisible } from "./visible.ts";

export type RoundsOptions =
  & Pick<Scale, "rounds" | "seconds" | "warmUpSeconds" | "serverWarmUpSeconds" | "pacedSeconds" | "samplesPerSecond">
  & { readonly say: (line: string) => void };

/**
 * A new copy of the service on a keyspace of its own, at full and at quarter load, and the raw driver alone before it
 * and after it: a server that gets faster or slower meanwhile favours neither.
 */
export type Round = {
  readonly raw: readonly [before: Load, after: Load];
  readonly service: Loaded;
  readonly visible: Paced;
};

/** The load at which it is measured how long after its answer a command is seen. */
export const QUARTER = 0.25;

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
  place: Place,
  { seconds, warmUpSeconds, pacedSeconds, samplesPerSecond }: RoundsOptions,
): Promise<Pick<Round, "service" | "visible">> {
  await using copy = await startCopy(place);
  await loadCopy({ appendedBy: copy }, warmUpSeconds);
  const service = await loadCopy({ appendedBy: copy }, seconds);
  const perSecond = service.perSecond * QUARTER;
  const follow = (id: string) => whenVisible(copy, id);
  const visible = await measurePaced(copy, { perSecond, seconds: pacedSeconds, samplesPerSecond, follow });
  return { service, visible };
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
