import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { CqlError, type CqlSession } from "./session.ts";

/** Longer than any one change of the schema takes. */
const LEASE_SECONDS = 60;
const LONGEST_WAIT_MS = 180_000;
const LOOK_AGAIN_MS = 250;
const MAX_TRIES = 6;
const FIRST_RETRY_MS = 100;

const TAKE = `UPDATE schema_lease USING TTL ${LEASE_SECONDS} SET owner = ? WHERE name = 'schema' IF owner = null`;
const RENEW = `UPDATE schema_lease USING TTL ${LEASE_SECONDS} SET owner = ? WHERE name = 'schema' IF owner = ?`;
const GIVE_BACK = "UPDATE schema_lease SET owner = null WHERE name = 'schema' IF owner = ?";

/** Applies statements that each do nothing when they are applied again. */
export type Define = (cql: string) => Promise<void>;

export type SchemaLeaseParts = {
  readonly session: CqlSession;
  readonly runtime: Runtime;
  /** Begins no further statement once it aborts: the work ends with its reason, the lease given back. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Runs the work while no other copy runs any: concurrent changes of a schema are refused by ScyllaDB, and may leave
 * Cassandra's nodes with two tables of one name. A copy that is held up longer than the lease may overlap with another,
 * so that the work must be one that two may do.
 */
export async function withSchemaLease<T>(parts: SchemaLeaseParts, work: (define: Define) => Promise<T>): Promise<T> {
  const { session, runtime, signal } = parts;
  const me = runtime.newId();
  try {
    await take(parts, me);
    return await work(async (cql) => {
      await repeat(runtime, async () => {
        signal?.throwIfAborted();
        if (await applied(session, { cql: RENEW, values: [me, me] })) return await session.define(cql);
        throw new CqlError("unknown", "The lease of the schema has run out: another copy may be changing it");
      });
    });
  } finally {
    // Else it ends by itself.
    await session.execute({ cql: GIVE_BACK, values: [me] }, { scope: "cluster" }).catch(() => {});
  }
}

/** Repeats what gave no answer: statements of a schema do nothing the second time. */
export async function repeat<T>(runtime: Runtime, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CqlError) || error.kind === "refused" || tries >= MAX_TRIES) throw error;
    }
    await runtime.sleep(FIRST_RETRY_MS * 2 ** tries * (0.5 + runtime.random() / 2));
  }
}

async function take({ session, runtime, signal }: SchemaLeaseParts, me: string): Promise<void> {
  const startedMs = runtime.monotonicMs();
  while (runtime.monotonicMs() - startedMs < LONGEST_WAIT_MS) {
    signal?.throwIfAborted();
    if (await repeat(runtime, () => applied(session, { cql: TAKE, values: [me] }))) return;
    // An unknown answer may have been a yes.
    if (await repeat(runtime, () => applied(session, { cql: RENEW, values: [me, me] }))) return;
    await runtime.sleep(LOOK_AGAIN_MS * (0.5 + runtime.random() / 2), signal === undefined ? {} : { signal });
  }
  const minutes = LONGEST_WAIT_MS / 60_000;
  throw new StartError(`Cannot change the schema: expected the other copy that does so to end in ${minutes} minutes`);
}

async function applied(session: CqlSession, statement: Parameters<CqlSession["execute"]>[0]): Promise<boolean> {
  const [row] = await session.execute(statement, { scope: "cluster" });
  return row?.["[applied]"] === true;
}
