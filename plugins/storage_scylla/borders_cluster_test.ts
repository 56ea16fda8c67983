import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { EventStore, RecordedEvent } from "../../core/ports/event_store.ts";
import { sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { openTestStore } from "./test_event_store.ts";
import { uniqueName } from "./test_storage.ts";

const COPIES = 4;
const WRITERS_PER_COPY = 4;
const EVENTS = 150;
const BUCKET_EVENTS = 7;

describe("a stream across the borders of its buckets", () => {
  it("stays without gaps, doubles and losses under many writers", async () => {
    const name = uniqueName("borders");
    const open = () => openTestStore({ name, layout: { bucketEvents: BUCKET_EVENTS } });
    await using copies = new AsyncDisposableStack();
    const stores: EventStore[] = [];
    for (let at = 0; at < COPIES; at += 1) stores.push(copies.use(await open()).store);
    const won = new Map<number, string>();
    await Promise.all(
      stores.flatMap((store) =>
        Array.from({ length: WRITERS_PER_COPY }, (_, writer) => write(store, { seed: writer, won }))
      ),
    );
    const [store] = stores;
    assert(store !== undefined);
    const stored = await readAll(store, 100);
    assertEquals(stored.map((event) => event.sequenceNumber), Array.from(stored, (_, at) => at + 1));
    assertEquals(stored.map((event) => event.eventId), stored.map((event) => won.get(event.sequenceNumber)));
    assertEquals(won.size, stored.length);
    assert(stored.length >= EVENTS);
    for (const each of stores) assertEquals(await each.version(streamOf("a")), stored.length);
    for (let after = 0; after <= stored.length + 20; after += 1) {
      const page = await store.read(streamOf("a"), { after, limit: 9 });
      assertEquals(page.map((event) => event.sequenceNumber), numbersOf(stored.slice(after, after + 9)));
    }
    assertEquals(numbersOf(await readAll(store, 1)), numbersOf(stored));
  });
});

/** Appends one to seven events again and again, wherever the stream stands, and notes what was acknowledged. */
async function write(store: EventStore, { seed, won }: { seed: number; won: Map<number, string> }): Promise<void> {
  const stream = streamOf("a");
  for (let turn = seed;; turn += 1) {
    const expectedVersion = await store.version(stream);
    if (expectedVersion >= EVENTS) return;
    const events = sampleEvents(turn % BUCKET_EVENTS + 1).map((event) => ({ ...event, eventId: crypto.randomUUID() }));
    const outcome = await store.append(stream, { expectedVersion, events });
    assert(outcome !== "unknown");
    if (outcome === "conflict") continue;
    for (const [at, { eventId }] of events.entries()) {
      assert(!won.has(expectedVersion + at + 1), `${expectedVersion + at + 1} was won twice`);
      won.set(expectedVersion + at + 1, eventId);
    }
  }
}

async function readAll(store: EventStore, limit: number): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (;;) {
    const page = await store.read(streamOf("a"), { after: events.length, limit });
    events.push(...page);
    if (page.length < limit) return events;
  }
}

function numbersOf(events: readonly RecordedEvent[]): readonly number[] {
  return events.map((event) => event.sequenceNumber);
}
