import { parseArgs } from "node:util";
import { readPort, runInForeground } from "../servers/foreground.ts";
import { type CassandraOptions, startCassandra } from "./cassandra.ts";
import { COMMITLOG_SYNCS, PAXOS_VARIANTS } from "./configuration.ts";

await runInForeground("CASSANDRA", async () => await startCassandra(readOptions()));

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
  const options = {
    port: readPort(port),
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
