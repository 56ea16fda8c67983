import { assertEquals } from "@std/assert";
import { z } from "zod";
import type { Message } from "../../core/model/message.ts";
import type { Projection } from "../../core/model/projection.ts";
import account from "../../modules/account/mod.ts";
import customer from "../../modules/customer/mod.ts";
import order from "../../modules/order/mod.ts";
import { type Envelope, type Journal, readHistories, tokenOf } from "./journal.ts";
import { type Answer, assertStatus, type Service } from "./service.ts";

type Item = Readonly<Record<string, unknown>>;

const viewPage = z.strictObject({ items: z.array(z.record(z.string(), z.unknown())), next: z.string().nullable() });

/** All items of a view, by id, once it shows the writes of all these tokens. */
export async function readView(
  service: Service,
  view: string,
  tokens: Iterable<string> = [],
): Promise<Map<string, Item>> {
  const waiting = [...tokens];
  const passing = Array.from({ length: 8 }, async () => {
    for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
      const headers = { "consistency-token": token, prefer: "wait=30" };
      assertStatus(await service.get(`/views/${view}?limit=1`, { headers }), 200);
    }
  });
  await Promise.all(passing);
  const items = new Map<string, Item>();
  for (let after: string | undefined = ""; after !== undefined;) {
    const answer: Answer = await service.get(`/views/${view}?limit=1000${after}`);
    const page: z.output<typeof viewPage> = viewPage.parse(assertStatus(answer, 200).body);
    for (const item of page.items) items.set(String(item.id), item);
    after = page.next === null ? undefined : `&after=${encodeURIComponent(page.next)}`;
  }
  return items;
}

/** Reads all histories, holds them against the journal, and every view against their replay. */
export async function assertAllTrue(service: Service, journal: Journal): Promise<void> {
  const histories = await readHistories(service, journal.paths());
  journal.check(histories);
  for (const { path, projections = [] } of [account, customer, order]) {
    const isOurs = ([each]: readonly [string, unknown]) => each.startsWith(`/${path}/`);
    const ours = [...histories].filter(isOurs).map(([, history]) => history);
    const tokens = ours.flatMap((history) => history.slice(-1)).map(tokenOf);
    for (const projection of projections) {
      await assertEqualsReplay(service, projection, { histories: ours, tokens });
    }
  }
}

/** Holds a view against its projection's replay of the histories of one kind of aggregate, one after the other. */
async function assertEqualsReplay(
  service: Service,
  projection: Projection,
  { histories, tokens }: { histories: Iterable<readonly Envelope[]>; tokens: Iterable<string> },
): Promise<void> {
  const shown = await readView(service, projection.name, tokens);
  const expected = replay(projection, histories);
  const ofOneStream = projection.key === undefined;
  const comparable = ({ version, ...item }: Item) => ofOneStream ? { ...item, version } : item;
  assertEquals([...shown.keys()].sort(), [...expected.keys()].sort(), `the ids of ${projection.name}`);
  for (const [id, item] of expected) assertEquals(comparable(shown.get(id) ?? {}), item, `${projection.name} ${id}`);
}

function replay(projection: Projection, histories: Iterable<readonly Envelope[]>): Map<string, Item> {
  const items = new Map<string, Item>();
  for (const event of [...histories].flatMap((history) => [...history])) {
    const handler = projection.on[event.event_type];
    if (handler === undefined) continue;
    const message: Message = { ...event.event_data, type: event.event_type };
    const source = {
      aggregateType: event.aggregate_type,
      aggregateId: event.aggregate_id,
      sequenceNumber: event.sequence_number,
      timestamp: event.timestamp,
    };
    const version = projection.key === undefined ? { version: event.sequence_number } : {};
    for (const key of [projection.key?.(message, source) ?? event.aggregate_id].flat()) {
      const { id: _id, version: _version, ...before } = items.get(key) ?? {};
      const after = handler(items.has(key) ? before : undefined, message, source, key);
      if (after === undefined) items.delete(key);
      else items.set(key, { ...after, id: key, ...version });
    }
  }
  return items;
}
