import type { Client, QueryOptions, types } from "cassandra-driver";
import { LOG_COLUMNS } from "../../plugins/storage_scylla/cdc/log_layout.ts";

const PAGE_ROWS = 1_000;
const READ = `SELECT ${LOG_COLUMNS} FROM event_store_scylla_cdc_log`;

/** The least that reading a log can do: take it a page at a time. */
export async function readLog(client: Client): Promise<{ readonly rows: number; readonly perSecond: number }> {
  const sinceMs = performance.now();
  let rows = 0;
  let pageState: string | null = null;
  do {
    const from: QueryOptions = pageState === null ? {} : { pageState };
    const page: types.ResultSet = await client.execute(READ, [], { prepare: true, fetchSize: PAGE_ROWS, ...from });
    rows += page.rows.length;
    pageState = page.pageState;
  } while (pageState !== null);
  return { rows, perSecond: rows / (performance.now() - sinceMs) * 1000 };
}
