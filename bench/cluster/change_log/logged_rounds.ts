import { percentile } from "../../statistics.ts";
import type { Place } from "../copy.ts";
import { loadCopy, type Loaded } from "../load.ts";
import { measurePaced, type Paced } from "../paced.ts";
import type { Given } from "../part.ts";
import { QUARTER } from "../rounds.ts";
import { whenVisible } from "../visible.ts";
import { reliesOnLog, startLogged, whenReliesOnLog } from "./logged_copy.ts";

/** Two new copies on a keyspace of their own: one takes all commands, the other learns of them from the log alone. */
export type LoggedRound = {
  readonly service: Loaded;
  readonly visible: Paced;
  /** Whether the log was relied upon at the end, as it was at the beginning: else announcements may have told first. */
  readonly isReliedOn: boolean;
};

export async function measureLogged({ database, scale, say }: Given): Promise<readonly LoggedRound[]> {
  const opened = await database();
  const rounds: LoggedRound[] = [];
  for (let at = 1; at <= scale.rounds; at++) {
    const round = await measureRound({ address: opened.address, keyspace: opened.keyspace(`logged${at}`) }, scale);
    const [p50, p99] = [50, 99].map((percent) => `${Math.round(percentile(round.visible.ms, percent))} ms`);
    const pace = `${Math.round(round.visible.perSecond)}/s of ${Math.round(round.service.perSecond)}/s`;
    const doubt = round.isReliedOn ? "" : "; the log was not relied upon any more";
    say(`through the log ${at}: visible at ${pace} after ${p50}, p99 ${p99} of ${round.visible.ms.length}${doubt}`);
    rounds.push(round);
  }
  return rounds;
}

async function measureRound(place: Place, scale: Given["scale"]): Promise<LoggedRound> {
  const { seconds, warmUpSeconds, pacedSeconds, samplesPerSecond } = scale;
  await using writing = await startLogged("writes", place);
  await using reading = await startLogged("reads", place);
  const shown = { appendedBy: writing, shownBy: reading };
  await loadCopy(shown, warmUpSeconds);
  const service = await loadCopy(shown, seconds);
  await whenReliesOnLog(reading);
  const visible = await measurePaced(writing, {
    ...{ perSecond: service.perSecond * QUARTER, seconds: pacedSeconds, samplesPerSecond },
    follow: (id) => whenVisible(writing, id),
  });
  return { service, visible, isReliedOn: await reliesOnLog(reading) };
}
