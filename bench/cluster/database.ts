import { Client } from "cassandra-driver";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { databaseConfig, openDatabase } from "../../plugins/storage_scylla/database.ts";
import { startCassandra } from "../../tests/cluster/cassandra/cassandra.ts";
import { clientOptions } from "./raw_client.ts";

/** The server that is measured on, and keyspaces there that are dropped when it is disposed. */
export class BenchDatabase implements AsyncDisposable {
  readonly address: string;
  /** Of a server of our own. */
  readonly pid: number | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly #stack: AsyncDisposableStack;
  readonly #client: Client;
  readonly #prefix = `bench_${crypto.randomUUID().slice(0, 8)}`;
  readonly #keyspaces: string[] = [];

  /** A Cassandra of our own, unless the address of a server is given. */
  static async open(address: string | undefined): Promise<BenchDatabase> {
    await using stack = new AsyncDisposableStack();
    const own = address === undefined ? stack.use(await startCassandra({ commitlogSync: "batch" })) : undefined;
    const at = address ?? own?.address ?? "";
    const client = new Client(clientOptions(at));
    stack.defer(() => client.shutdown());
    const settings = {
      ...await describe(client),
      durability: own === undefined ? "as the server is set" : "commitlog_sync: batch, paxos_variant: v2, one node",
      consistency: "LOCAL_QUORUM, conditions LOCAL_SERIAL",
    };
    return new BenchDatabase({ address: at, pid: own?.pid, settings, client, stack: stack.move() });
  }

  private constructor(
    parts: Pick<BenchDatabase, "address" | "pid" | "settings"> & { client: Client; stack: AsyncDisposableStack },
  ) {
    this.address = parts.address;
    this.pid = parts.pid;
    this.settings = parts.settings;
    this.#client = parts.client;
    this.#stack = parts.stack;
  }

  get host(): string {
    return this.address.split(":")[0] ?? "";
  }

  /** A name for a keyspace that a copy of the service makes. */
  keyspace(purpose: string): string {
    const name = `${this.#prefix}_${purpose}`;
    this.#keyspaces.push(name);
    return name;
  }

  /** The same with the tables that the service uses. */
  async migrated(purpose: string): Promise<string> {
    const name = this.keyspace(purpose);
    const config = databaseConfig.parse({ SCYLLA_NODES: this.address, SCYLLA_KEYSPACE: name });
    const { session } = await openDatabase(config, { runtime: systemRuntime });
    await session.close();
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#keyspaces) {
      await this.#client.execute(`DROP KEYSPACE IF EXISTS ${name}`, [], { prepare: false, readTimeout: 60_000 });
    }
    await this.#stack.disposeAsync();
  }
}

async function describe(client: Client): Promise<Record<string, string>> {
  await client.connect();
  const { rows: [row] } = await client.execute("SELECT * FROM system.local", [], { prepare: false });
  const { rows: peers } = await client.execute("SELECT peer FROM system.peers", [], { prepare: false });
  return { database: `release ${row?.get("release_version")}, ${peers.length + 1} node${peers.length > 0 ? "s" : ""}` };
}
