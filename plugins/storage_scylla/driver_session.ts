import { Buffer } from "node:buffer";
import { Client, type DseClientOptions, errors, policies, type QueryOptions, types } from "cassandra-driver";
import { StartError } from "../../core/ports/plugin.ts";
import { CqlError, type CqlRow, type CqlSession, type CqlValue, type ReadOptions, type Statement } from "./session.ts";

export type DriverSessionOptions = {
  /** Each as `host:port`. */
  readonly contactPoints: readonly string[];
  /** Where the driver sends everything, and whose quorum answers. */
  readonly homeDc: string;
  /** Left out for what is done before there is one. */
  readonly keyspace?: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Certificates to trust, in PEM; undefined for those that the system trusts. Without it nothing is encrypted. */
  readonly tls?: { readonly ca: string | undefined };
  /** How long an answer is waited for; then the outcome is unknown. */
  readonly timeoutMs?: number;
  /** How long a connection may be idle before it is tried; 0 for never. */
  readonly heartbeatMs?: number;
  /** `host:port` at which every node is reached: that of a proxy before the only one. */
  readonly reachedAt?: string;
};

const { consistencies, responseErrorCodes } = types;
const PROTOCOL_V4 = 4;
const TIMEOUT_MS = 5_000;
/** A change of the schema waits for all nodes. */
const DEFINE_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 1_000;
const HEARTBEAT_MS = 5_000;
const PAGE_ROWS = 5_000;

/**
 * Connects. Throws a `StartError` for what an operator must mend, and an `unsent` error when no node answers: then
 * another try may work.
 */
export async function openDriverSession(options: DriverSessionOptions): Promise<CqlSession> {
  const client = new Client(clientOptions(options));
  endForgottenHosts(client);
  try {
    await client.connect();
  } catch (error) {
    await client.shutdown();
    await endControl(client);
    throw toConnectError(error, options);
  }
  return sessionOf(client);
}

/**
 * Ends what the driver (4.10) forgets: having lost every connection it makes new hosts in place of those it has, whose
 * connections and timers would outlive its `shutdown()` and keep the process from ending.
 */
function endForgottenHosts(client: Client): void {
  client.on("hostRemove", (host) => {
    if ("shutdown" in host && typeof host.shutdown === "function") host.shutdown(false);
  });
}

/** What the driver (4.10) does not end where `connect()` has failed: the connection that told it of the nodes. */
type Control = { shutdown(): void; readonly connection: { close(closed: () => void): void } | null };

async function endControl(client: Client): Promise<void> {
  if (!("controlConnection" in client)) return;
  const { shutdown, connection } = client.controlConnection as Control;
  shutdown.call(client.controlConnection);
  if (connection !== null) await new Promise<void>((closed) => connection.close(closed));
}

function clientOptions(options: DriverSessionOptions): DseClientOptions {
  const { contactPoints, homeDc, keyspace, credentials, tls, reachedAt } = options;
  return {
    contactPoints: [...contactPoints],
    localDataCenter: homeDc,
    ...(keyspace === undefined ? {} : { keyspace }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(tls === undefined
      ? {}
      : { sslOptions: { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: [tls.ca] }) } }),
    encoding: { useBigIntAsLong: true, map: Map },
    monitorReporting: { enabled: false },
    policies: {
      ...(reachedAt === undefined ? {} : { addressResolution: alwaysTo(reachedAt) }),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
      retry: new policies.retry.FallthroughRetryPolicy(),
      speculativeExecution: new policies.speculativeExecution.NoSpeculativeExecutionPolicy(),
      // The server's time, unless a statement names one; the driver's types do not know that null means so.
      timestampGeneration: null as unknown as policies.timestampGeneration.TimestampGenerator,
    },
    pooling: { heartBeatInterval: options.heartbeatMs ?? HEARTBEAT_MS },
    // With a delay, a change of the schema that is heard of while the client shuts down would outlive it (4.10).
    refreshSchemaDelay: 0,
    // Version 5 answers an unknown condition in another way.
    protocolOptions: { maxVersion: PROTOCOL_V4 },
    queryOptions: {
      consistency: consistencies.localQuorum,
      serialConsistency: consistencies.localSerial,
      isIdempotent: false,
      prepare: true,
      fetchSize: PAGE_ROWS,
    },
    socketOptions: { connectTimeout: CONNECT_TIMEOUT_MS, readTimeout: options.timeoutMs ?? TIMEOUT_MS },
  };
}

function alwaysTo(endpoint: string): policies.addressResolution.AddressTranslator {
  const translate = (_address: string, _port: number, callback: (endpoint: string) => void) => callback(endpoint);
  return Object.assign(policies.defaultAddressTranslator(), { translate });
}

function sessionOf(client: Client): CqlSession {
  return {
    async execute({ cql, values }, options = {}) {
      return toRows(await answered(client.execute(cql, values.map(toDriver), readOptions(options))));
    },
    async batch(statements) {
      const queries = statements.map(({ cql, values }) => ({ query: cql, params: values.map(toDriver) }));
      return toRows(await answered(client.batch(queries, { prepare: true, logged: false })));
    },
    pages: (statement, options = {}) => pagesOf(client, statement, options),
    async define(cql) {
      const { info } = await answered(client.execute(cql, [], { prepare: false, readTimeout: DEFINE_TIMEOUT_MS }));
      if (!("isSchemaInAgreement" in info) || info.isSchemaInAgreement === true) return;
      throw new CqlError("unknown", "The nodes do not agree on the schema: see whether one of them is down");
    },
    close: () => client.shutdown(),
  };
}

async function* pagesOf(
  client: Client,
  { cql, values }: Statement,
  options: ReadOptions,
): AsyncGenerator<readonly CqlRow[], void> {
  const params = values.map(toDriver);
  let pageState: string | null = null;
  do {
    const from: QueryOptions = pageState === null ? {} : { pageState };
    const page: types.ResultSet = await answered(client.execute(cql, params, { ...readOptions(options), ...from }));
    yield toRows(page);
    // A page may be short or empty: only the missing state says that it is the last.
    pageState = page.pageState;
  } while (pageState !== null);
}

function readOptions({ consistency, scope, pageSize, timeoutMs }: ReadOptions): QueryOptions {
  const isWide = scope === "cluster";
  const serial = isWide ? consistencies.serial : consistencies.localSerial;
  return {
    ...(isWide ? { consistency: consistencies.quorum, serialConsistency: serial } : {}),
    ...(consistency === "serial" ? { consistency: serial } : {}),
    ...(consistency === "one" ? { consistency: consistencies.one } : {}),
    ...(pageSize === undefined ? {} : { fetchSize: pageSize }),
    ...(timeoutMs === undefined ? {} : { readTimeout: timeoutMs }),
  };
}

function toDriver(value: CqlValue): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** The columns are asked for once, not of each row: a page has a thousand. */
function toRows({ rows, columns }: Pick<types.ResultSet, "rows" | "columns">): readonly CqlRow[] {
  const names = (columns ?? []).map(({ name }) => name);
  return (rows ?? []).map((row) => {
    const values: Record<string, unknown> = {};
    for (const name of names) {
      const value: unknown = row[name];
      values[name] = value instanceof types.Uuid ? value.toString() : value;
    }
    return values;
  });
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toCqlError(error);
  }
}

const REFUSED: ReadonlySet<number> = new Set([
  responseErrorCodes.syntaxError,
  responseErrorCodes.unauthorized,
  responseErrorCodes.invalid,
]);

/** What cannot be bound is a fault of this program, and stays what it is. */
function toCqlError(error: unknown): unknown {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof CqlError) return error;
  const message = `The database did not answer: ${reasonOf(error)}`;
  // Without retries, a host is left only before a request was written to it.
  if (error instanceof errors.NoHostAvailableError) return new CqlError("unsent", message, { cause: error });
  if (error instanceof errors.ResponseError && REFUSED.has(error.code)) {
    return new CqlError("refused", `The database refused a statement: ${error.message}`, { cause: error });
  }
  return new CqlError("unknown", message, { cause: error });
}

function toConnectError(error: unknown, { contactPoints, homeDc, keyspace }: DriverSessionOptions): unknown {
  const reasons = error instanceof errors.NoHostAvailableError ? Object.values(error.innerErrors ?? {}) : [error];
  const nodes = contactPoints.join(", ");
  for (const reason of reasons) {
    if (reason instanceof errors.ArgumentError) {
      const found = /: (\[.*\])$/.exec(reason.message)?.[1] ?? reason.message;
      return new StartError(`Cannot use the data centre "${homeDc}": expected one of ${found}`, { cause: error });
    }
    if (reason instanceof errors.AuthenticationError) {
      return new StartError(`Cannot log in to ${nodes}: ${reason.message}`, { cause: error });
    }
    if (reason instanceof errors.ResponseError && REFUSED.has(reason.code)) {
      return new StartError(`Cannot use the keyspace "${keyspace}": ${reason.message}`, { cause: error });
    }
  }
  const found = reasonOf(reasons[0] ?? error);
  return new CqlError("unsent", `Cannot reach the database at ${nodes}: ${found}`, { cause: error });
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.NoHostAvailableError) {
    const [[host, reason] = ["", ""]] = Object.entries(error.innerErrors ?? {});
    return host === "" ? "no node can be reached" : `${host}: ${reasonOf(reason)}`;
  }
  return error instanceof Error ? error.message : String(error);
}
