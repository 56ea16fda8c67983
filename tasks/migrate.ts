import { parseArgs } from "node:util";
import { StartError } from "../core/ports/plugin.ts";
import { databaseConfig, openDatabase } from "../plugins/storage_scylla/database.ts";
import {
  createKeyspaceStatement,
  nameOfKeyspace,
  parseReplication,
  SERVER_KINDS,
  type ServerKind,
  statementsFor,
} from "../plugins/storage_scylla/dialect.ts";
import { BOOTSTRAP, MIGRATIONS, recordStatement } from "../plugins/storage_scylla/migrations.ts";
import { systemRuntime } from "../plugins/runtime/mod.ts";
import { endWith } from "./ending.ts";

/**
 * Makes the keyspace and its tables in the cluster of SCYLLA_NODES, as the service itself does when it starts. With
 * `--print=<kind>` only prints the statements, for an administrator who applies them by hand.
 */
await endWith(async () => {
  const kind = printedKind(Deno.args);
  if (kind === undefined) await apply();
  else print(kind);
});

function printedKind(args: readonly string[]): ServerKind | undefined {
  const given = args.map((arg) => arg === "--print" ? "--print=cassandra" : arg);
  const { values } = parseArgs({ args: given, options: { print: { type: "string" } } });
  const kind = SERVER_KINDS.find((each) => each === values.print);
  if (values.print === undefined || kind !== undefined) return kind;
  throw new StartError(`Cannot print for ${values.print}: expected one of ${SERVER_KINDS.join(", ")}`);
}

async function apply(): Promise<void> {
  const environment = Deno.env.toObject();
  if (environment.SCYLLA_NODES === undefined) {
    throw new StartError("Cannot migrate: expected host:port in SCYLLA_NODES, found none; set it as for the service");
  }
  const parsed = databaseConfig.safeParse(environment);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new StartError(`Cannot migrate with this environment: ${faults.join("; ")}`);
  }
  const { session, kind } = await openDatabase(parsed.data, { runtime: systemRuntime });
  await session.close();
  console.log(`The keyspace ${parsed.data.SCYLLA_KEYSPACE} is up to date (${kind}).`);
}

function print(kind: ServerKind): void {
  const keyspace = nameOfKeyspace(Deno.env.get("SCYLLA_KEYSPACE") ?? "annals");
  const dataCentre = Deno.env.get("SCYLLA_DC") ?? "datacenter1";
  const replication = parseReplication(Deno.env.get("SCYLLA_REPLICATION") ?? `${dataCentre}:3`);
  console.log(`${createKeyspaceStatement(kind, keyspace, replication)};\nUSE ${keyspace};\n`);
  for (const migration of [BOOTSTRAP, ...MIGRATIONS]) {
    for (const statement of statementsFor(kind, { cql: migration.cql, keyspace })) console.log(`${statement};\n`);
    if (migration !== BOOTSTRAP) console.log(`${recordStatement(migration)};\n`);
  }
}
