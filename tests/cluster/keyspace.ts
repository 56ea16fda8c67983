import { Client } from "cassandra-driver";
import { cassandraAddress } from "./server.ts";

export type Keyspace = AsyncDisposable & { readonly name: string };

/** A keyspace of its own on the shared server, dropped when disposed. Making one takes some tenths of a second. */
export async function freshKeyspace(prefix = "test"): Promise<Keyspace> {
  const name = `${prefix}_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  await execute(`CREATE KEYSPACE ${name} WITH replication = {'class': 'NetworkTopologyStrategy', '${DATA_CENTRE}': 1}`);
  return { name, [Symbol.asyncDispose]: () => execute(`DROP KEYSPACE IF EXISTS ${name}`) };
}

/** What Cassandra and ScyllaDB both call a data centre that nobody has named. */
const DATA_CENTRE = "datacenter1";

/** Past the service, to the tables of a keyspace; to be shut down. */
export function clientOf(keyspace: string): Client {
  return new Client({
    contactPoints: [cassandraAddress()],
    localDataCenter: DATA_CENTRE,
    keyspace,
    refreshSchemaDelay: 0,
  });
}

async function execute(statement: string): Promise<void> {
  const client = new Client({
    contactPoints: [cassandraAddress()],
    localDataCenter: DATA_CENTRE,
    refreshSchemaDelay: 0,
    // A change of the schema takes its time on a server under load.
    socketOptions: { readTimeout: 60_000 },
  });
  try {
    await client.execute(statement);
  } finally {
    await client.shutdown();
  }
}
