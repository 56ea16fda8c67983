import { assert, assertEquals } from "@std/assert";
import { sumOf } from "../contract/surroundings.ts";
import { type Envelope, readHistories } from "../service/journal.ts";
import { moment } from "../service/program.ts";
import { assertStatus, type Service } from "../service/service.ts";
import { type PlainRecord, readTopic, type StockClient } from "./kafka/plain_consumer.ts";

const TOPICS: Readonly<Record<string, string>> = {
  accounts: "account-events",
  customers: "customer-events",
  orders: "order-events",
};
const LOOK_MS = 100;

export type Published = { readonly events: number; readonly repeated: number };

/**
 * Reads every topic of these aggregates with a client that is not ours and holds it against the store: no event is
 * missing or strange, those of an aggregate came first in order, and what is there twice is the same.
 */
export async function assertPublished(
  service: Service,
  { paths, ...reading }: { readonly address: string; readonly client: StockClient; readonly paths: Iterable<string> },
): Promise<Published> {
  const histories = [...await readHistories(service, paths)].filter(([, events]) => events.length > 0);
  const byTopic = Map.groupBy(histories, ([path]) => TOPICS[path.split("/")[1] ?? ""] ?? path);
  let [events, repeated] = [0, 0];
  for (const [topic, expected] of byTopic) {
    const records = Map.groupBy(await readTopic(topic, reading), ({ key }) => key);
    for (const [path, history] of expected) {
      const found = records.get(path.split("/")[2] ?? "") ?? [];
      assertEquals(firstsOf(found), history.map(toFirst), `what ${topic} tells of ${path}`);
      assertTwins(found);
      events += history.length;
      repeated += found.length - history.length;
      records.delete(path.split("/")[2] ?? "");
    }
    assertEquals([...records.keys()], [], `keys in ${topic} that the store does not know`);
  }
  return { events, repeated };
}

/** Waits until the publisher has nothing before it; rejects when that takes too long. */
export async function whenPublished(service: Service, timeoutMs = 60_000): Promise<void> {
  const since = performance.now();
  while (await metric(service, "projection_lag_events", { projection: "publisher" }) > 0) {
    assert(performance.now() - since < timeoutMs, `expected all to be published within ${timeoutMs} ms`);
    await moment(LOOK_MS);
  }
}

/** The sum over all labels that match. */
export async function metric(
  service: Service,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { text } = assertStatus(await service.get("/metrics", { door: "operator" }), 200);
  return sumOf(text, { name, labels });
}

type First = { readonly id: string; readonly sequence: number; readonly type: string; readonly data: unknown };

function firstsOf(records: readonly PlainRecord[]): readonly First[] {
  const firsts = new Map<string, First>();
  for (const record of records) {
    const { ce_id: id = "", ce_sequence, ce_type: type = "" } = record.headers;
    if (firsts.has(id)) continue;
    firsts.set(id, { id, sequence: Number(ce_sequence), type, data: JSON.parse(record.value ?? "") });
  }
  return [...firsts.values()];
}

function toFirst({ event_id: id, sequence_number: sequence, event_type: type, event_data: data }: Envelope): First {
  return { id, sequence, type, data };
}

function assertTwins(records: readonly PlainRecord[]): void {
  for (const twins of Map.groupBy(records, ({ headers }) => headers.ce_id).values()) {
    const [first, ...others] = twins.map(({ key, headers, value, partition }) => ({ key, headers, value, partition }));
    for (const each of others) assertEquals(each, first);
  }
}
