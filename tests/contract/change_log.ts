import { assert, assertEquals, assertGreater, assertLessOrEqual, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import type { EventStore, RecordedEvent } from "../../core/ports/event_store.ts";
import {
  appendNext,
  HARD_JSON,
  type Open,
  openReader,
  placeOf,
  sampleEvent,
  sampleEvents,
  streamOf,
} from "./samples.ts";

export type OpenChangeLog = Open<{ readonly store: EventStore; readonly log: ChangeLog }>;

/** More than an adapter is meant to keep in memory for its readers, so that it has to read back from the store. */
const MANY = 3_000;
const MAX_PAGE_EVENTS = 1_000;

export function changeLogContract(name: string, open: OpenChangeLog): void {
  describe(`${name} as a change log`, () => {
    history(open);
    live(open);
    readers(open);
    ending(open);
    backlog(open);
  });
}

function history(open: OpenChangeLog): void {
  it("tells every event once, as it was appended, in order per aggregate", async () => {
    await using opened = await open();
    for (let round = 0; round < 5; round++) {
      for (const id of ["a", "b", "c"]) await appendNext(opened.store, streamOf(id), sampleEvents(2));
    }
    const full = sampleEvent({ data: HARD_JSON, metadata: { a: 1 }, userId: "u", commandId: "c", commandHash: "h" });
    await appendNext(opened.store, streamOf("full"), [full]);
    await using reader = openReader(opened.log);
    const events = await reader.until(31);
    assertInOrder(events, 31);
    assertEquals(events.find((event) => event.aggregateId === "full"), {
      ...streamOf("full"),
      ...full,
      sequenceNumber: 1,
    });
  });

  it("goes on after a checkpoint, page by page", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(10));
    let checkpoint: string | null = null;
    const events: RecordedEvent[] = [];
    for (let batch = 0; batch < 4; batch++) {
      await using reader = openReader(opened.log, { after: checkpoint });
      events.push(...(await reader.next()).events);
      checkpoint = reader.checkpoint();
      await appendNext(opened.store, streamOf("a"), sampleEvents(5));
    }
    assertInOrder(events, events.length);
    assertGreater(events.length, 10);
  });

  it("passes events of other types with its checkpoint, by an empty page if need be", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    await using reader = openReader(opened.log);
    const first = await reader.next();
    await appendNext(opened.store, streamOf("a"), sampleEvents(3, { eventType: "Ignored" }));
    const second = await reader.next();
    assertEquals(second.events, []);
    assertNotEquals(second.checkpoint, first.checkpoint);
    assertEquals(await opened.log.backlog(second.checkpoint), { events: 0, since: null });
    await appendNext(opened.store, streamOf("a"), [sampleEvent({ eventType: "Ignored" }), sampleEvent()]);
    await using later = openReader(opened.log, { after: second.checkpoint });
    assertEquals((await later.until(1)).map(placeOf), ["a/6"]);
    await using all = openReader(opened.log, { eventTypes: ["Counted", "Ignored"] });
    assertInOrder(await all.until(6), 6);
  });

  it("makes pages no longer than it is asked for", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(10));
    await using reader = openReader(opened.log, { limit: 4 });
    while (reader.seen.length < 10) assertLessOrEqual((await reader.next()).events.length, 4);
    assertInOrder(reader.seen, 10);
  });

  it("says of a page whether another one is ready behind it", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(10));
    await using reader = openReader(opened.log, { limit: 4 });
    const more: boolean[] = [];
    while (reader.seen.length < 10) more.push((await reader.next()).more);
    assertEquals([more.pop(), more.includes(false)], [false, false]);
  });

  it("tells nothing to a reader of no types, but moves its checkpoint", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(3));
    await using reader = openReader(opened.log, { eventTypes: [] });
    assertEquals((await reader.next()).events, []);
    assertEquals((await opened.log.backlog(reader.checkpoint())).events, 0);
  });
}

function live(open: OpenChangeLog): void {
  it("wakes a waiting reader by the append itself, while every timer stands still", async () => {
    await using opened = await open();
    using _time = new FakeTime();
    await using reader = openReader(opened.log);
    for (let number = 1; number <= 20; number++) {
      const page = reader.next();
      await appendNext(opened.store, streamOf("a"), sampleEvents(1));
      assertEquals((await page).events.map(placeOf), [`a/${number}`]);
    }
  });

  it("tells a live event exactly as the store gives it back", async () => {
    await using opened = await open();
    await using reader = openReader(opened.log);
    const list = [1];
    const data = { list, left_out: undefined, hard: HARD_JSON };
    await appendNext(opened.store, streamOf("a"), [sampleEvent({ data, userId: "\ud800\0" })]);
    list.push(2);
    assertEquals(await reader.until(1), await opened.store.read(streamOf("a"), { after: 0, limit: 1 }));
  });

  it("hands over from history to live without a gap or a double while 8 writers append", async () => {
    await using opened = await open();
    const writer = async (id: string) => {
      for (let count = 0; count < 60; count++) await appendNext(opened.store, streamOf(id), sampleEvents(2));
    };
    await writer("before");
    const writers = Array.from({ length: 8 }, (_, at) => writer(`writer-${at}`));
    await using early = openReader(opened.log);
    await early.next();
    await writers[0];
    await using late = openReader(opened.log);
    const [seenEarly, seenLate] = await Promise.all([early.until(1080), late.until(1080), ...writers]);
    assertInOrder(seenEarly, 1080);
    assertInOrder(seenLate, 1080);
    const page = early.next();
    await appendNext(opened.store, streamOf("last"), sampleEvents(1));
    assertEquals((await page).events.map(placeOf), ["last/1"]);
  });

  it("does not tell an append that was a conflict", async () => {
    await using opened = await open();
    await using reader = openReader(opened.log);
    const appends = [1, 2, 3].map(() =>
      opened.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) })
    );
    await Promise.all(appends);
    await appendNext(opened.store, streamOf("b"), sampleEvents(1));
    assertEquals((await reader.until(2)).map(placeOf), ["a/1", "b/1"]);
  });
}

function readers(open: OpenChangeLog): void {
  it("lets a slow reader fall behind and read back, without holding the others", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    await using slow = openReader(opened.log);
    await slow.next();
    await using fast = openReader(opened.log);
    const filler = { text: "x".repeat(500) };
    for (let at = 0; at < MANY / 50; at++) {
      const events = sampleEvents(50, { data: filler });
      await appendNext(opened.store, streamOf(`stream-${at % 7}`), events);
    }
    assertInOrder(await fast.until(MANY + 1), MANY + 1);
    while (slow.seen.length < MANY + 1) {
      const page = await slow.next();
      assertLessOrEqual(page.events.length, MAX_PAGE_EVENTS);
    }
    assertInOrder(slow.seen, MANY + 1);
  });

  it("keeps readers of one source apart", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), [sampleEvent(), sampleEvent({ eventType: "Other" })]);
    await using counted = openReader(opened.log);
    await using other = openReader(opened.log, { eventTypes: ["Other"] });
    await using both = openReader(opened.log, { eventTypes: ["Other", "Counted"] });
    assertEquals((await counted.until(1)).map(placeOf), ["a/1"]);
    assertEquals((await other.until(1)).map(placeOf), ["a/2"]);
    counted.abort.abort();
    await appendNext(opened.store, streamOf("a"), sampleEvents(1));
    assertEquals((await both.until(3)).map(placeOf), ["a/1", "a/2", "a/3"]);
  });
}

function ending(open: OpenChangeLog): void {
  it("ends a waiting reader as soon as its signal aborts", async () => {
    await using opened = await open();
    await using reader = openReader(opened.log);
    const page = reader.pages.next();
    reader.abort.abort();
    assertEquals((await page).done, true);
    assertEquals((await reader.pages.next()).done, true);
  });

  it("ends at once under a signal that has aborted already, and in the middle of a history", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(10));
    await using reader = openReader(opened.log);
    await reader.next();
    reader.abort.abort();
    assertEquals((await reader.pages.next()).done, true);
    const changes = opened.log.changes({
      after: null,
      eventTypes: new Set(["Counted"]),
      signal: AbortSignal.abort(),
    });
    for await (const _ of changes) assert(false, "expected no page under an aborted signal");
  });

  it("may be left in the middle and begun again", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("a"), sampleEvents(3));
    const abort = new AbortController();
    const changes = opened.log.changes({ after: null, eventTypes: new Set(["Counted"]), signal: abort.signal });
    for await (const page of changes) {
      assertGreater(page.events.length, 0);
      break;
    }
    await using again = openReader(opened.log);
    assertInOrder(await again.until(3), 3);
  });
}

function backlog(open: OpenChangeLog): void {
  it("has its head behind all that was appended, and before what follows", async () => {
    await using opened = await open();
    await using first = openReader(opened.log, { after: await opened.log.head() });
    for (let number = 1; number <= 20; number++) {
      await appendNext(opened.store, streamOf("a"), sampleEvents(1, { eventType: number % 2 ? "Counted" : "Ignored" }));
      const head = await opened.log.head();
      assertEquals((await opened.log.backlog(head)).events, 0);
      assertEquals(await opened.store.version(streamOf("a")), number);
      await using reader = openReader(opened.log, { after: head });
      await appendNext(opened.store, streamOf("b"), sampleEvents(1));
      assertEquals((await reader.until(1)).map(placeOf), [`b/${number}`]);
    }
    assertEquals((await first.until(30)).filter(({ aggregateId }) => aggregateId === "b").length, 20);
  });

  it("counts what follows a checkpoint and tells since when", async () => {
    await using opened = await open();
    assertEquals(await opened.log.backlog(null), { events: 0, since: null });
    for (const second of [1, 2, 3]) {
      const timestamp = `2026-11-21T10:00:0${second}.000Z`;
      await appendNext(opened.store, streamOf("a"), [sampleEvent({ timestamp, eventType: `Type${second}` })]);
    }
    assertEquals(await opened.log.backlog(null), { events: 3, since: "2026-11-21T10:00:01.000Z" });
    await using reader = openReader(opened.log);
    const { checkpoint } = await reader.next();
    assertEquals(await opened.log.backlog(checkpoint), { events: 0, since: null });
    await appendNext(opened.store, streamOf("a"), sampleEvents(2, { timestamp: "2026-11-21T11:00:00.000Z" }));
    assertEquals(await opened.log.backlog(checkpoint), { events: 2, since: "2026-11-21T11:00:00.000Z" });
  });
}

/** Every event of every stream once, numbered from 1 in the order told. */
function assertInOrder(events: readonly RecordedEvent[], count: number): void {
  assertEquals(events.length, count);
  const last = new Map<string, number>();
  for (const { aggregateId, sequenceNumber } of events) {
    assertEquals(sequenceNumber, (last.get(aggregateId) ?? 0) + 1);
    last.set(aggregateId, sequenceNumber);
  }
}
