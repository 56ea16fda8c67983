import type { LogLayout } from "../../../plugins/storage_scylla/cdc/log_layout.ts";
import type { CqlSession } from "../../../plugins/storage_scylla/session.ts";
import { makeLogTables } from "../../../tests/cluster/cdc/log_tables.ts";
import { LogWriter } from "../../../tests/cluster/cdc/log_writer.ts";
import { chanceOf } from "../../../tests/service/chance.ts";

/** As many as one statement of the reader names. */
export const STREAMS = 16;

/** Makes a log in the session's keyspace, and who writes it: of each commit just what ScyllaDB would. */
export async function beginLog(session: CqlSession, layout: LogLayout): Promise<LogWriter> {
  await makeLogTables(session, layout.keyspace);
  const writer = new LogWriter({ session, layout, chance: chanceOf(1) });
  await writer.beginSet(STREAMS);
  return writer;
}
