import { Client } from "cassandra-driver";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { databaseConfig, openDatabase } from "../../plugins/storage_scylla/database.ts";
import { LAYOUT } from "../../plugins/storage_scylla/partitions.ts";
import { startCassandra } from "../../tests/cluster/cassandra/cassandra.ts";
import { clientOptions } from "./raw_client.ts";

const SCANNED_WITHIN_MS = 120_000;
const POLL_MS = 200;

/** The server that is measured on. On one that is not our own, the keyspaces are dropped when it is disposed. */
export class BenchDatabase implements AsyncDisposable {
  readonly address: string;
  readonly nodes: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly #isOwn: boolean;
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
    await client.connect();
    const described = await describe(client);
    return new BenchDatabase({ address: at, isOwn: own !== undefined, ...described, client, stack: stack.move() });
  }

  private constructor(
    parts: Pick<BenchDatabase, "address" | "nodes" | "settings"> & {
      readonly isOwn: boolean;
      readonly client: Client;
      readonly stack: AsyncDisposableStack;
    },
  ) {
    this.address = parts.address;
    this.nodes = parts.nodes;
    this.settings = parts.settings;
    this.#isOwn = parts.isOwn;
    this.#client = parts.client;
    this.#stack = parts.stack;
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

  /** Resolves once so many subscriptions have durably been shown all that was stored when they were new. */
  async whenScanned(keyspace: string, subscriptions: number): Promise<void> {
    const select = `SELECT slice, low_water FROM ${keyspace}.leases WHERE scope = 'feed' AND slice = ?`;
    const slices = Array.from({ length: LAYOUT.slices }, (_, slice) => slice);
    // Each notes how far it has come, and so does what settles the slice.
    const isDone = async (slice: number) => {
      const { rows: [row] } = await this.#client.execute(select, [slice], { prepare: true });
      return row?.get("low_water")?.size === subscriptions + 1;
    };
    const sinceMs = performance.now();
    while (!(await Promise.all(slices.map(isDone))).every(Boolean)) {
      if (performance.now() - sinceMs > SCANNED_WITHIN_MS) {
        throw new Error(
          `expected ${subscriptions} subscriptions to have scanned ${keyspace} in ${SCANNED_WITHIN_MS} ms`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#isOwn ? [] : this.#keyspaces) {
      await this.#client.execute(`DROP KEYSPACE IF EXISTS ${name}`, [], { prepare: false, readTimeout: 60_000 });
    }
    await this.#stack.disposeAsync();
  }
}

/** The server's own word, as far as it has one. */
const SETTINGS = "SELECT name, value FROM system_views.settings " +
  "WHERE name IN ('commitlog_sync', 'commitlog_sync_period', 'commitlog_sync_group_window', 'paxos_variant')";

async function describe(client: Client): Promise<Pick<BenchDatabase, "nodes" | "settings">> {
  const ask = async (cql: string) => (await client.execute(cql, [], { prepare: false })).rows;
  const [local] = await ask("SELECT release_version FROM system.local");
  const nodes = (await ask("SELECT peer FROM system.peers")).length + 1;
  const told = await ask(SETTINGS).catch(() => []);
  const sync = told.map((row) => `${row.get("name")} = ${row.get("value")}`).join(", ");
  const settings = {
    database: `release ${local?.get("release_version")}, ${nodes} node${nodes > 1 ? "s" : ""}`,
    durability: sync === "" ? "not told by the server" : sync,
    consistency: "LOCAL_QUORUM, conditions LOCAL_SERIAL",
  };
  return { nodes, settings };
}
