import { z } from "zod";
import { requireServers } from "../../core/engine/net_permission.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { CHANGE_SOURCES, chooseLog, type LogLayout } from "./cdc/log_layout.ts";
import { nameOfKeyspace, parseReplication, type ServerKind } from "./dialect.ts";
import { type DriverSessionOptions, openDriverSession } from "./driver_session.ts";
import { type CreateTable, createTableOf, ensureKeyspace, migrate } from "./migrations.ts";
import { LAYOUT, type Layout } from "./partitions.ts";
import { CqlError, type CqlSession } from "./session.ts";
import { agreeOnSettings } from "./settings.ts";

/** The environment variables that say where the database is, and how its keyspace is made. */
export const databaseConfig = z.object({
  /** `host` or `host:port`, with commas between them. */
  SCYLLA_NODES: z.string().transform(parseNodes),
  SCYLLA_KEYSPACE: z.string().default("annals").transform(checked(nameOfKeyspace)),
  /** The home data centre: all copies of the service stand in it. */
  SCYLLA_DC: z.string().min(1, "expected a data centre's name, found nothing").default("datacenter1"),
  /** Only for a keyspace that is not there yet. */
  SCYLLA_REPLICATION: z.string().transform(checked(parseReplication)).optional(),
  SCYLLA_USERNAME: z.string().optional(),
  SCYLLA_PASSWORD: z.string().optional(),
  SCYLLA_TLS: z.enum(["on", "off"]).default("off"),
  /** A file with the certificates to trust, in PEM; left out: those that the system trusts. */
  SCYLLA_CA_FILE: z.string().min(1, "expected a path, found nothing").optional(),
  /** Whether the server's log of changes is read, too, so that it tells at once: by itself, where there is one. */
  CHANGE_SOURCE: z.enum(CHANGE_SOURCES).optional(),
});

export type DatabaseConfig = z.output<typeof databaseConfig>;

export type Database = {
  /** In the keyspace, whose tables are those of this deploy. */
  readonly session: CqlSession;
  readonly kind: ServerKind;
  readonly layout: Layout;
  /** The server's log of changes; undefined where it is not to be read. */
  readonly changeLog: LogLayout | undefined;
  readonly createTable: CreateTable;
};

export type OpenOptions = {
  readonly runtime: Runtime;
  readonly layout?: Layout;
  /** No further change of the schema is begun after it, then nor later. */
  readonly signal?: AbortSignal;
};

/**
 * Connects, makes the keyspace and its tables where they are missing, and sees that this copy fits the others. Throws a
 * `StartError`; once what it names is mended, another try may work.
 */
export async function openDatabase(
  config: DatabaseConfig,
  { runtime, layout = LAYOUT, signal }: OpenOptions,
): Promise<Database> {
  const { SCYLLA_KEYSPACE: keyspace, SCYLLA_DC: homeDc, SCYLLA_REPLICATION: replication } = config;
  const access = await accessOf(config);
  try {
    const kind = await withSession(access, async (session) => {
      return await ensureKeyspace({ session, runtime, keyspace, homeDc, replication });
    });
    const session = await openDriverSession({ ...access, keyspace });
    try {
      await migrate({ session, runtime, keyspace, kind, signal });
      await agreeOnSettings({ session, runtime, keyspace }, { homeDc, ...layout });
      const changeLog = await chooseLog(session, { kind, keyspace, wanted: config.CHANGE_SOURCE });
      const createTable = createTableOf({ session, runtime, keyspace, kind, signal });
      return { session, kind, layout, changeLog, createTable };
    } catch (error) {
      await session.close();
      throw error;
    }
  } catch (error) {
    if (!(error instanceof CqlError)) throw error;
    throw new StartError(`Cannot use the database: ${error.message}; see to it, then start again`, { cause: error });
  }
}

async function accessOf(config: DatabaseConfig): Promise<DriverSessionOptions> {
  const { SCYLLA_NODES: contactPoints, SCYLLA_DC: homeDc, SCYLLA_USERNAME: username, SCYLLA_PASSWORD: password } =
    config;
  const { SCYLLA_TLS, SCYLLA_CA_FILE: caFile } = config;
  if (SCYLLA_TLS === "off" && caFile !== undefined) {
    throw new StartError("SCYLLA_CA_FILE is of no use without TLS; set SCYLLA_TLS=on, or leave it out");
  }
  if ((username === undefined) !== (password === undefined)) {
    throw new StartError(
      "Cannot log in to the database: expected SCYLLA_USERNAME and SCYLLA_PASSWORD; set both, or none",
    );
  }
  await requireServers("SCYLLA_NODES", contactPoints);
  return {
    ...{ contactPoints, homeDc },
    ...(username === undefined || password === undefined ? {} : { credentials: { username, password } }),
    ...(SCYLLA_TLS === "off" ? {} : { tls: { ca: caFile === undefined ? undefined : await readCa(caFile) } }),
  };
}

async function readCa(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`Cannot read the certificates of SCYLLA_CA_FILE=${path}: ${reason}`, { cause: error });
  }
}

async function withSession<T>(access: DriverSessionOptions, work: (session: CqlSession) => Promise<T>): Promise<T> {
  const session = await openDriverSession(access);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

const DEFAULT_PORT = 9042;

function parseNodes(text: string, context: z.RefinementCtx): readonly string[] {
  const nodes = text.split(",").map((node) => node.trim());
  if (nodes.every((node) => /^(\[[0-9a-f:]+\]|[\w.-]+)(:\d{1,5})?$/i.test(node))) {
    return nodes.map((node) => /:\d+$/.test(node.replace(/^\[.*\]/, "")) ? node : `${node}:${DEFAULT_PORT}`);
  }
  context.addIssue({ code: "custom", message: `expected nodes as in "host:9042,other:9042", found "${text}"` });
  return z.NEVER;
}

/** What cannot be read is told with all other bad variables. */
function checked<T>(read: (text: string) => T): (text: string, context: z.RefinementCtx) => T {
  return (text, context) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  };
}
