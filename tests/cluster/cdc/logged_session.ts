import type { CqlRow, CqlSession, Statement } from "../../../plugins/storage_scylla/session.ts";

const WRITES = /^(INSERT INTO|UPDATE|DELETE\b.* FROM) event_store\b/;

/**
 * The session, with a log of what it writes: only what a condition has let through, as ScyllaDB does it. `waits`:
 * nothing is answered before the log has it.
 */
export function loggedBy(
  writer: { log(statements: readonly Statement[]): Promise<void> | void },
  session: CqlSession,
  { waits = false }: { readonly waits?: boolean } = {},
): CqlSession {
  const answered = async (statements: readonly Statement[], [row]: readonly CqlRow[]) => {
    if (!statements.some(({ cql }) => WRITES.test(cql))) return;
    requireConditional(statements);
    if (row?.["[applied]"] !== true) return;
    const logged = writer.log(statements);
    if (waits) await logged;
  };
  return {
    ...session,
    async execute(statement, options) {
      const rows = await session.execute(statement, options);
      await answered([statement], rows);
      return rows;
    },
    async batch(statements) {
      const rows = await session.batch(statements);
      await answered(statements, rows);
      return rows;
    },
  };
}

/** The log holds what a condition decided in the order it was decided; of other writes it would hold anything. */
function requireConditional([first]: readonly Statement[]): void {
  if (first !== undefined && WRITES.test(first.cql) && / IF /.test(first.cql)) return;
  throw new Error(`expected event_store to be written by conditional batches only, found ${first?.cql}`);
}
