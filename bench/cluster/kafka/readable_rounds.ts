import { PUBLISHER } from "../../../core/engine/publication.ts";
import { percentile } from "../../statistics.ts";
import { startCopy, whenShown } from "../copy.ts";
import { loadCopy, type Loaded } from "../load.ts";
import { measurePaced, type Paced } from "../paced.ts";
import type { Given } from "../part.ts";
import { QUARTER } from "../rounds.ts";
import { Arrivals } from "./arrivals.ts";

/** A new copy on an empty keyspace that publishes to a real broker. */
export type ReadableRound = {
  readonly service: Loaded;
  /** Until all of a full load was published, once the account view had shown it. */
  readonly publishedMs: number;
  readonly readable: Paced;
};

const TOPIC = "account-events";

/** How long after its answer an event is given to a plain consumer, at a quarter of the load that the copy can take. */
export async function measureReadable({ database, kafka, scale, say }: Given): Promise<readonly ReadableRound[]> {
  const opened = await database();
  const { address: broker } = await kafka();
  const rounds: ReadableRound[] = [];
  for (let at = 1; at <= scale.rounds; at++) {
    const place = { address: opened.address, keyspace: opened.keyspace(`readable${at}`) };
    const round = await measureRound({ place, broker }, scale);
    const [p50, p99] = [50, 99].map((percent) => `${Math.round(percentile(round.readable.ms, percent))} ms`);
    const pace = `${Math.round(round.readable.perSecond)}/s of ${Math.round(round.service.perSecond)}/s`;
    say(`through Kafka ${at}: readable at ${pace} after ${p50}, p99 ${p99} of ${round.readable.ms.length}`);
    rounds.push(round);
  }
  return rounds;
}

async function measureRound(
  { place, broker }: {
    readonly place: { readonly address: string; readonly keyspace: string };
    readonly broker: string;
  },
  { seconds, warmUpSeconds, pacedSeconds, samplesPerSecond }: Given["scale"],
): Promise<ReadableRound> {
  await using copy = await startCopy({ ...place, environment: { REDPANDA_BROKERS: broker } });
  await loadCopy({ appendedBy: copy }, warmUpSeconds);
  const service = await loadCopy({ appendedBy: copy }, seconds);
  const { afterMs: publishedMs } = await whenShown({ appendedBy: copy, subscription: PUBLISHER });
  await using arrivals = await Arrivals.open(TOPIC, broker);
  const readable = await measurePaced(copy, {
    ...{ perSecond: service.perSecond * QUARTER, seconds: pacedSeconds, samplesPerSecond },
    follow: (id) => arrivals.whenSeen(id),
  });
  return { service, publishedMs, readable };
}
