import { type ClientOptions, policies, types } from "cassandra-driver";

/** The driver as the service sets it, and nothing around it. */
export function clientOptions(address: string, keyspace?: string): ClientOptions {
  return {
    contactPoints: [address],
    localDataCenter: "datacenter1",
    ...(keyspace === undefined ? {} : { keyspace }),
    encoding: { useBigIntAsLong: true, map: Map },
    policies: {
      retry: new policies.retry.FallthroughRetryPolicy(),
      // The server's time; the driver's types do not know that null means so.
      timestampGeneration: null as unknown as policies.timestampGeneration.TimestampGenerator,
    },
    protocolOptions: { maxVersion: 4 },
    queryOptions: {
      consistency: types.consistencies.localQuorum,
      serialConsistency: types.consistencies.localSerial,
      isIdempotent: false,
      prepare: true,
    },
    socketOptions: { readTimeout: 20_000 },
  };
}

/** Works for so long, so many at a time, and tells how long each took. */
export async function inParallel(
  { concurrency, seconds }: { readonly concurrency: number; readonly seconds: number },
  work: () => Promise<void>,
): Promise<{ readonly times: readonly number[]; readonly ms: number }> {
  const times: number[] = [];
  const beganMs = performance.now();
  const worker = async () => {
    while (performance.now() - beganMs < seconds * 1000) {
      const sinceMs = performance.now();
      await work();
      times.push(performance.now() - sinceMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { times, ms: performance.now() - beganMs };
}
