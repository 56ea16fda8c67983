import { createHash } from "node:crypto";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import cql001 from "../../schema/scylla/001_bootstrap.cql" with { type: "text" };
import cql002 from "../../schema/scylla/002_tables.cql" with { type: "text" };
import cql003 from "../../schema/scylla/003_dead_letters.cql" with { type: "text" };
import {
  createKeyspaceStatement,
  findKind,
  nameOfKeyspace,
  type Replication,
  type ServerKind,
  statementsFor,
} from "./dialect.ts";
import { type Define, repeat, withSchemaLease } from "./schema_lease.ts";
import { CqlError, type CqlSession } from "./session.ts";

export type Migration = { readonly name: string; readonly cql: string };

export const BOOTSTRAP: Migration = { name: "001_bootstrap", cql: cql001 };
/** In the order they are applied; a file once released is never edited. */
export const MIGRATIONS: readonly Migration[] = [
  { name: "002_tables", cql: cql002 },
  { name: "003_dead_letters", cql: cql003 },
];

const MOST_COPIES = 3;
const COLUMN = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ? " +
  "AND column_name = ?";
const RECORD = "INSERT INTO schema_migrations (name, sha256, applied_at) VALUES (?, ?, ?) IF NOT EXISTS";

export type KeyspaceParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly keyspace: string;
  readonly homeDc: string;
  /** Of a keyspace that is made now; one that exists is left as it is. */
  readonly replication?: Replication | undefined;
};

/**
 * Makes the keyspace unless there is one, and returns the kind of server that keeps it. Without a replication, the
 * home data centre keeps as many copies as it has nodes now, at most 3: then a quorum survives the loss of one.
 */
export async function ensureKeyspace(
  { session, runtime, keyspace, homeDc, replication }: KeyspaceParts,
): Promise<ServerKind> {
  const cql = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
  const exists = (await session.execute({ cql, values: [nameOfKeyspace(keyspace)] })).length > 0;
  const kind = await findKind(session, { keyspace, exists });
  if (exists) return kind;
  const copies = replication ?? { [homeDc]: Math.min(MOST_COPIES, await countNodes(session, homeDc)) };
  if (copies[homeDc] === undefined) {
    const found = Object.keys(copies).join(", ");
    throw new StartError(`Cannot make the keyspace ${keyspace}: expected copies in ${homeDc}, found ${found} only`);
  }
  await repeat(runtime, () => session.define(createKeyspaceStatement(kind, keyspace, copies)));
  return kind;
}

async function countNodes(session: CqlSession, dataCentre: string): Promise<number> {
  const peers = await session.execute({ cql: "SELECT data_center FROM system.peers", values: [] });
  const [local] = await session.execute({ cql: "SELECT data_center FROM system.local", values: [] });
  return [...peers, local].filter((row) => row?.["data_center"] === dataCentre).length;
}

export type MigrateParts = {
  /** In the keyspace. */
  readonly session: CqlSession;
  readonly runtime: Runtime;
  readonly keyspace: string;
  readonly kind: ServerKind;
  readonly migrations?: readonly Migration[];
  /** Ends it before its next statement, with the signal's reason; another start goes on from there. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Applies what is missing, in order; any number of copies may do so at once. Throws a `StartError` where the keyspace
 * knows other migrations.
 */
export async function migrate({ session, runtime, keyspace, kind, migrations = MIGRATIONS, signal }: MigrateParts) {
  await bootstrap({ session, runtime, keyspace, kind });
  if ((await missingOf(session, { keyspace, migrations })).length === 0) return;
  await withSchemaLease({ session, runtime, signal }, async (define) => {
    for (const migration of await missingOf(session, { keyspace, migrations })) {
      for (const cql of statementsFor(kind, { cql: migration.cql, keyspace })) {
        if (!await hasColumn(session, keyspace, cql)) await define(cql);
      }
      await repeat(runtime, () => record(session, { migration, runtime }));
    }
  });
}

export type CreateTable = (table: string, cql: string) => Promise<void>;

/**
 * Makes a table unless it is there, safely when several copies do so at once. Lines of the text for other kinds of
 * servers are left out.
 */
export function createTableOf({ session, runtime, keyspace, kind, signal }: MigrateParts): CreateTable {
  return async (table, cql) => {
    if (await hasTable(session, table)) return;
    await withSchemaLease({ session, runtime, signal }, async (define: Define) => {
      for (const statement of statementsFor(kind, { cql, keyspace })) await define(statement);
    });
  };
}

/** The tables of the lease cannot wait for it; they have fixed ids instead. */
async function bootstrap({ session, runtime, keyspace, kind }: MigrateParts): Promise<void> {
  const tables = ["schema_migrations", "schema_lease"];
  const found = await Promise.all(tables.map((table) => hasTable(session, table)));
  if (found.every((isThere) => isThere)) return;
  const statements = statementsFor(kind, { cql: BOOTSTRAP.cql, keyspace });
  for (const cql of statements) await repeat(runtime, () => session.define(cql));
}

/** Asked of the table itself: a node lists one that another copy is making before it can be used. */
async function hasTable(session: CqlSession, table: string): Promise<boolean> {
  try {
    await session.execute({ cql: `SELECT * FROM ${table} LIMIT 1`, values: [] });
    return true;
  } catch (error) {
    if (error instanceof CqlError && error.kind === "refused") return false;
    throw error;
  }
}

/** Whether a statement adds a column that is there: one that was cut off between its statements goes on behind them. */
async function hasColumn(session: CqlSession, keyspace: string, cql: string): Promise<boolean> {
  const [, table, column] = /^ALTER TABLE (\w+) ADD (\w+) /.exec(cql) ?? [];
  if (table === undefined || column === undefined) return false;
  const found = await session.execute({ cql: COLUMN, values: [keyspace, table, column] });
  return found.length > 0;
}

/** Those to apply; throws a `StartError` for what is recorded and cannot be. */
async function missingOf(
  session: CqlSession,
  { keyspace, migrations }: { readonly keyspace: string; readonly migrations: readonly Migration[] },
): Promise<readonly Migration[]> {
  const recorded = new Map<string, string>();
  const statement = { cql: "SELECT name, sha256 FROM schema_migrations", values: [] };
  for await (const rows of session.pages(statement)) {
    for (const row of rows) recorded.set(String(row["name"]), String(row["sha256"]));
  }
  for (const [name, sha256] of recorded) {
    const known = migrations.find((each) => each.name === name);
    const keyspaceWas = `Cannot use the keyspace ${keyspace}: `;
    if (known === undefined) {
      throw new StartError(`${keyspaceWas}it was changed by the newer migration ${name}; start a newer deploy`);
    }
    if (digest(known) !== sha256) {
      throw new StartError(`${keyspaceWas}the migration ${name} was edited after it was applied; undo the edit`);
    }
  }
  return migrations.filter(({ name }) => !recorded.has(name));
}

async function record(
  session: CqlSession,
  { migration, runtime }: { readonly migration: Migration; readonly runtime: Runtime },
): Promise<void> {
  await session.execute({ cql: RECORD, values: [migration.name, digest(migration), new Date(runtime.now())] });
}

/** What records a migration that an administrator has applied by hand. */
export function recordStatement(migration: Migration): string {
  const values = `'${migration.name}', '${digest(migration)}', toTimestamp(now())`;
  return `INSERT INTO schema_migrations (name, sha256, applied_at) VALUES (${values}) IF NOT EXISTS`;
}

export function digest({ cql }: Migration): string {
  return createHash("sha256").update(cql).digest("hex");
}
