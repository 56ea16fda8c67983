import { createHash } from "node:crypto";
import { StartError } from "../../core/ports/plugin.ts";
import { CqlError, type CqlSession } from "./session.ts";

/** What the texts of statements depend on. ScyllaDB keeps a keyspace in tablets, or in vnodes as Cassandra does. */
export const SERVER_KINDS = ["cassandra", "scylla_tablets", "scylla_vnodes"] as const;
export type ServerKind = typeof SERVER_KINDS[number];

/** ScyllaDB can do conditional writes and change logs on tablets since this version. */
const TABLETS_SINCE = [2025, 4] as const;

const TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system_schema'";
const TABLETS = "SELECT initial_tablets FROM system_schema.scylla_keyspaces WHERE keyspace_name = ?";
const VERSION = "SELECT version FROM system.versions WHERE key = 'local'";

/** The kind of server that keeps this keyspace, or would keep it if it were made now. */
export async function findKind(
  session: CqlSession,
  { keyspace, exists }: { readonly keyspace: string; readonly exists: boolean },
): Promise<ServerKind> {
  const tables = await session.execute({ cql: TABLES, values: [] });
  if (!tables.some((row) => row["table_name"] === "scylla_keyspaces")) return "cassandra";
  const isInTablets = exists ? await keepsInTablets(session, keyspace) : await canKeepInTablets(session);
  return isInTablets ? "scylla_tablets" : "scylla_vnodes";
}

async function keepsInTablets(session: CqlSession, keyspace: string): Promise<boolean> {
  try {
    const [row] = await session.execute({ cql: TABLETS, values: [keyspace] });
    return (row?.["initial_tablets"] ?? null) !== null;
  } catch (error) {
    // A version that does not know the column has no tablets.
    if (error instanceof CqlError && error.kind === "refused") return false;
    throw error;
  }
}

async function canKeepInTablets(session: CqlSession): Promise<boolean> {
  const [row] = await session.execute({ cql: VERSION, values: [] });
  const [, year = "0", release = "0"] = /^(\d{4})\.(\d+)/.exec(String(row?.["version"])) ?? [];
  const [sinceYear, sinceRelease] = TABLETS_SINCE;
  return Number(year) > sinceYear || (Number(year) === sinceYear && Number(release) >= sinceRelease);
}

/** How many copies of everything each data centre keeps. */
export type Replication = Readonly<Record<string, number>>;

/** Reads `dc1:3,dc2:3`; throws a `StartError`. */
export function parseReplication(text: string): Replication {
  const entries = text.split(",").map((part): [string, number] => {
    const [, dataCentre = "", copies = ""] = /^\s*([\w.-]+):([1-9]\d?)\s*$/.exec(part) ?? [];
    if (dataCentre !== "") return [dataCentre, Number(copies)];
    throw new StartError(`Cannot use the replication "${text}": expected data centres as in "datacenter1:3,other:3"`);
  });
  return Object.fromEntries(entries);
}

export function createKeyspaceStatement(kind: ServerKind, keyspace: string, replication: Replication): string {
  const copies = Object.entries(replication).map(([dataCentre, count]) => `, '${dataCentre}': ${count}`).join("");
  const create = `CREATE KEYSPACE IF NOT EXISTS ${nameOfKeyspace(keyspace)}` +
    ` WITH replication = {'class': 'NetworkTopologyStrategy'${copies}}`;
  return kind === "cassandra" ? create : `${create} AND tablets = {'enabled': ${kind === "scylla_tablets"}}`;
}

/** The name as it is, for it goes into texts; throws a `StartError` for what cannot be one. */
export function nameOfKeyspace(keyspace: string): string {
  if (/^[a-z][a-z0-9_]{0,47}$/.test(keyspace)) return keyspace;
  throw new StartError(`Cannot use the keyspace "${keyspace}": expected [a-z0-9_], at most 48, first a letter`);
}

/**
 * The statements of a schema file for one kind of server. A line that ends in `-- <kind>`, or `-- scylla` for both of
 * ScyllaDB's, is for that kind only; `{id of <table>}` is a fixed UUID of that table in this keyspace.
 */
export function statementsFor(kind: ServerKind, { cql, keyspace }: { cql: string; keyspace: string }): string[] {
  const kept = cql.split("\n").flatMap((line) => {
    const only = /--\s*(cassandra|scylla|scylla_tablets|scylla_vnodes)$/.exec(line)?.[1];
    return only === undefined || only === kind || kind.startsWith(`${only}_`) ? [line.replace(/\s*--.*$/, "")] : [];
  });
  return kept.join("\n")
    .replace(/\{id of (\w+)\}/g, (_, table) => fixedId(keyspace, table))
    .split(/;$/m)
    .map((statement) => statement.replace(/^\s+|\s+$/g, "").replace(/\n{2,}/g, "\n"))
    .filter((statement) => statement !== "");
}

/** Ids of tables are unique in a whole cluster, so the keyspace is part of them. */
function fixedId(keyspace: string, table: string): string {
  const hex = createHash("sha256").update(`annals ${keyspace}.${table}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
