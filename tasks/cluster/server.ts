import { type Cassandra, startCassandra } from "../../tests/cluster/cassandra/cassandra.ts";

/** What the tests run on. */
export type Server = AsyncDisposable & {
  readonly name: string;
  readonly host: string;
  /** What tells tests of it. */
  environment(): Record<string, string>;
  /** Makes it as a test expects it, whatever the one before did to it. */
  mend(): Promise<void>;
  /** The end of its log when it is dead. */
  obituary(): Promise<string | undefined>;
};

export async function startServer(): Promise<Server> {
  const started = performance.now();
  const cassandra = await startCassandra();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  return {
    name: `Cassandra (ready in ${seconds} s)`,
    host: cassandra.host,
    environment: () => ({ CASSANDRA: cassandra.address, CASSANDRA_PID: String(cassandra.pid) }),
    mend: () => mend(cassandra),
    obituary: async () => cassandra.isRunning ? undefined : await cassandra.logTail(),
    [Symbol.asyncDispose]: () => cassandra[Symbol.asyncDispose](),
  };
}

/** A server that somebody else runs: nothing here pauses or kills it. */
export function serverAt({ host, port }: { readonly host: string; readonly port: number }): Server {
  return {
    name: `ScyllaDB at ${host}:${port}`,
    host,
    environment: () => ({ CASSANDRA: `${host}:${port}` }),
    mend: async () => {},
    obituary: async () => undefined,
    async [Symbol.asyncDispose]() {},
  };
}

async function mend(cassandra: Cassandra): Promise<void> {
  if (cassandra.isRunning) cassandra.resume();
  else await cassandra.restart();
}
