import { DatabaseSync } from "node:sqlite";

/** The least a replay can do: read each event, parse it, write its document; a thousand to a transaction. */
const [directory = ""] = Deno.args;
const PAGE_EVENTS = 1_000;

const events = new DatabaseSync(`${directory}/events.db`, { readOnly: true });
const path = `${directory}/raw_views.db`;
const views = new DatabaseSync(path);
views.exec("pragma journal_mode = wal; pragma synchronous = normal");
views.exec(
  "create table documents (key text primary key, version integer not null, document text not null) without rowid",
);

const page = events.prepare(`select position, aggregate_id, sequence_number, event_type, event_data, timestamp
  from events where position > ? order by position limit ?`);
const put = views.prepare(`insert into documents values (?, ?, ?)
  on conflict (key) do update set version = excluded.version, document = excluded.document`);

const sinceMs = performance.now();
let count = 0;
for (let position = 0;;) {
  const rows = page.all(position, PAGE_EVENTS);
  views.exec("begin immediate");
  for (const row of rows) {
    const event = JSON.parse(String(row.event_data));
    const document = { ...event, type: row.event_type, updated_at: row.timestamp };
    put.run(String(row.aggregate_id), Number(row.sequence_number), JSON.stringify(document));
  }
  views.exec("commit");
  count += rows.length;
  if (rows.length < PAGE_EVENTS) break;
  position = Number(rows.at(-1)?.position);
}
const ms = Math.round(performance.now() - sinceMs);
views.close();
events.close();
for (const suffix of ["", "-wal", "-shm"]) await Deno.remove(path + suffix).catch(() => {});
console.log(`replayed ${count} events in ${ms} ms`);
