import type { Database } from "../../../plugins/storage_scylla/database.ts";
import type { LogLayout } from "../../../plugins/storage_scylla/cdc/log_layout.ts";
import type { CqlSession, Statement } from "../../../plugins/storage_scylla/session.ts";
import { makeLogTables, writtenLayout } from "../../../tests/cluster/cdc/log_tables.ts";
import { LogWriter } from "../../../tests/cluster/cdc/log_writer.ts";
import { loggedBy } from "../../../tests/cluster/cdc/logged_session.ts";
import { chanceOf } from "../../../tests/service/chance.ts";

/** As many as one statement of the reader names. */
export const STREAMS = 16;

/** The server's own log of changes, or where the tests' writer keeps one beside a server that has none. */
export function layoutOf({ changeLog }: Pick<Database, "changeLog">, keyspace: string): LogLayout {
  return changeLog ?? writtenLayout(keyspace, "tablets");
}

/** A session whose commits the log has before they are answered. */
export async function withLog(database: Database, keyspace: string): Promise<CqlSession> {
  if (database.changeLog !== undefined) return database.session;
  return loggedBy(await beginLog(database, keyspace), database.session, { waits: true });
}

/** Resolves once the log has this commit; where it is the tests' writer's, nothing else has. */
export async function openLog(
  database: Database,
  keyspace: string,
): Promise<(commit: readonly Statement[]) => Promise<unknown>> {
  if (database.changeLog !== undefined) return (commit) => database.session.batch(commit);
  const writer = await beginLog(database, keyspace);
  return (commit) => writer.log(commit);
}

async function beginLog({ session }: Database, keyspace: string): Promise<LogWriter> {
  await makeLogTables(session, keyspace);
  const writer = new LogWriter({ session, layout: writtenLayout(keyspace, "tablets"), chance: chanceOf(1) });
  await writer.beginSet(STREAMS);
  return writer;
}
