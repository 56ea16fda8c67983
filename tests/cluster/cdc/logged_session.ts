import type { CqlRow, CqlSession, Statement } from "../../../plugins/storage_scylla/session.ts";
import type { LogWriter } from "./log_writer.ts";

const WRITES = /^(INSERT INTO|UPDATE|DELETE\b.* FROM) event_store\b/;

/** The session, with a log of what it writes: only what a condition has let through, as ScyllaDB does it. */
export function loggedBy(writer: Pick<LogWriter, "log">, session: CqlSession): CqlSession {
  const answered = (statements: readonly Statement[], [row]: readonly CqlRow[]) => {
    if (!statements.some(({ cql }) => WRITES.test(cql))) return;
    requireConditional(statements);
    if (row?.["[applied]"] === true) writer.log(statements);
  };
  return {
    ...session,
    async execute(statement, options) {
      const rows = await session.execute(statement, options);
      answered([statement], rows);
      return rows;
    },
    async batch(statements) {
      const rows = await session.batch(statements);
      answered(statements, rows);
      return rows;
    },
  };
}

/** The log holds what a condition decided in the order it was decided; of other writes it would hold anything. */
function requireConditional([first]: readonly Statement[]): void {
  if (first !== undefined && WRITES.test(first.cql) && / IF /.test(first.cql)) return;
  throw new Error(`expected event_store to be written by conditional batches only, found ${first?.cql}`);
}
