import type { Service } from "../../tasks/child.ts";
import type { Place } from "./copy.ts";
import { CountingRelay } from "./counting_relay.ts";

export type IdleOptions = {
  readonly start: (place: Place) => Promise<Service>;
  /** So many stretches of so many seconds, one right behind the other. */
  readonly rounds: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
};

/** Requests a second of one stretch, by the protocol's name for their kind. */
export type Idle = ReadonlyMap<string, number>;

/** A copy has come to rest when it has begun all its slices and read again what came just before. */
const REST_MS = 6_000;

/**
 * What one copy that nobody asks anything sends to the database, counted in between: only where there is one node, as
 * a driver goes to the others by itself.
 */
export async function measureIdle(
  { address, keyspace }: Place,
  { start, rounds, seconds, say }: IdleOptions,
): Promise<readonly Idle[]> {
  await using relay = new CountingRelay(address);
  await using _copy = await start({ address: relay.address, keyspace });
  await pause(REST_MS);
  const found: Idle[] = [];
  for (let round = 1; round <= rounds; round++) {
    const before = relay.counts();
    const sinceMs = performance.now();
    await pause(seconds * 1000);
    const after = relay.counts();
    const passedMs = performance.now() - sinceMs;
    const rates = [...after].map(([kind, count]) =>
      [kind, (count - (before.get(kind) ?? 0)) / passedMs * 1000] as const
    );
    found.push(new Map(rates.filter(([, rate]) => rate > 0)));
    say(`idle ${round}: ${rates.map(([kind, rate]) => `${kind} ${rate.toFixed(1)}/s`).join(", ")}`);
  }
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
