import type { Client, QueryOptions, types } from "cassandra-driver";

const PAGE_ROWS = 1_000;
const IN_FLIGHT = 64;
const TABLE = "CREATE TABLE IF NOT EXISTS raw_documents (key text PRIMARY KEY, doc text)";
const SCAN = "SELECT aggregate_id, sequence_number, event_type, event_data, timestamp FROM event_store";
const PUT = "UPDATE raw_documents USING TIMESTAMP ? SET doc = ? WHERE key = ?";

/** The least a replay can do: read each event, parse it, and write each stream's document once for a page. */
export async function scan(client: Client): Promise<{ readonly events: number; readonly perSecond: number }> {
  await client.execute(TABLE, [], { prepare: false });
  const sinceMs = performance.now();
  let events = 0;
  let pageState: string | null = null;
  do {
    const from: QueryOptions = pageState === null ? {} : { pageState };
    const page: types.ResultSet = await client.execute(SCAN, [], { prepare: true, fetchSize: PAGE_ROWS, ...from });
    events += page.rows.length;
    await putAll(client, documentsOf(page.rows));
    pageState = page.pageState;
  } while (pageState !== null);
  return { events, perSecond: events / (performance.now() - sinceMs) * 1000 };
}

type Document = { readonly version: bigint; readonly document: Record<string, unknown> };

function documentsOf(rows: readonly types.Row[]): ReadonlyMap<string, Document> {
  const documents = new Map<string, Document>();
  for (const row of rows) {
    const key = String(row.get("aggregate_id"));
    const before = documents.get(key)?.document;
    const document = { ...before, ...JSON.parse(row.get("event_data")), updated_at: row.get("timestamp") };
    documents.set(key, { version: row.get("sequence_number"), document });
  }
  return documents;
}

async function putAll(client: Client, documents: ReadonlyMap<string, Document>): Promise<void> {
  const waiting = documents.entries();
  const worker = async () => {
    for (const [key, { version, document }] of waiting) {
      await client.execute(PUT, [version, JSON.stringify(document), key], { prepare: true });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
