import { parseArgs } from "node:util";
import { type CassandraOptions, startCassandra } from "./cassandra.ts";
import { COMMITLOG_SYNCS, PAXOS_VARIANTS } from "./configuration.ts";

/** Starts a Cassandra to work with, prints its address, and stays until it is interrupted. */
const interrupted = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => interrupted.resolve());
try {
  await using cassandra = await startCassandra(readOptions());
  console.log(`CASSANDRA=${cassandra.address} CASSANDRA_PID=${cassandra.pid}`);
  const died = cassandra.ended.then(async () => {
    throw new Error(`expected Cassandra to run on, found that it ended:\n${await cassandra.logTail()}`);
  });
  await Promise.race([interrupted.promise, died]);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}
Deno.exit(); // The listeners of signals would wait for more.

function readOptions(): CassandraOptions {
  const { values: { port, paxos, sync, heap, directory } } = parseArgs({
    options: {
      port: { type: "string", default: "9042" },
      directory: { type: "string" },
      paxos: { type: "string", default: "v2" },
      sync: { type: "string", default: "batch" },
      heap: { type: "string", default: "768m" },
    },
  });
  if (!/^[1-9]\d{0,4}$/.test(port)) throw new Error(`Cannot use --port=${port}: expected a port`);
  const options = {
    port: Number(port),
    paxos: oneOf(PAXOS_VARIANTS, { name: "paxos", value: paxos }),
    commitlogSync: oneOf(COMMITLOG_SYNCS, { name: "sync", value: sync }),
    heap,
  };
  return directory === undefined ? options : { directory, ...options };
}

function oneOf<T extends string>(allowed: readonly T[], { name, value }: { name: string; value: string }): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new Error(`Cannot use --${name}=${value}: expected ${allowed.join(" or ")}`);
  return found;
}
