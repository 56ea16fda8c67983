import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { type AppendOutcome, type EventStore, streamKey } from "../../core/ports/event_store.ts";
import { appendNext, HARD_JSON, HARD_TEXTS, type Open, sampleEvent, sampleEvents, streamOf } from "./samples.ts";

export type OpenEventStore = Open<{ readonly store: EventStore }>;

export function eventStoreContract(name: string, open: OpenEventStore): void {
  describe(`${name} as an event store`, () => {
    roundTrip(open);
    versions(open);
    reading(open);
    groups(open);
    againstAModel(open);
  });
}

function roundTrip(open: OpenEventStore): void {
  it("gives back every field as it was appended", async () => {
    await using opened = await open();
    const full = sampleEvent({
      eventVersion: 7,
      timestamp: "1999-12-31T23:59:59.999Z",
      commandId: "command",
      commandHash: "hash",
      causationId: "cause",
      correlationId: "correlation",
      userId: "user",
      metadata: { traceparent: "00-1-2-03", nested: { list: [1, null] } },
      data: HARD_JSON,
    });
    const bare = sampleEvent({ data: {} });
    const stream = streamOf("a", "round_trip");
    assertEquals(await opened.store.append(stream, { expectedVersion: 0, events: [full, bare] }), "applied");
    assertEquals(await opened.store.read(stream, { after: 0, limit: 10 }), [
      { ...stream, ...full, sequenceNumber: 1 },
      { ...stream, ...bare, sequenceNumber: 2 },
    ]);
  });

  it("keeps awkward texts apart in ids and fields", async () => {
    await using opened = await open();
    for (const [at, text] of HARD_TEXTS.entries()) {
      const event = sampleEvent({ userId: text, commandId: text, causationId: text, data: { at } });
      await opened.store.append(streamOf(`id${text}`), { expectedVersion: 0, events: [event] });
    }
    for (const [at, text] of HARD_TEXTS.entries()) {
      const [event] = await opened.store.read(streamOf(`id${text}`), { after: 0, limit: 2 });
      assertEquals([event?.aggregateId, event?.userId, event?.commandId, event?.causationId, event?.data], [
        `id${text}`,
        text,
        text,
        text,
        { at },
      ]);
    }
  });

  it("stores what JSON says of the data", async () => {
    await using opened = await open();
    const data = { kept: 1, left_out: undefined, nested: { left_out: undefined }, list: [undefined] };
    await appendNext(opened.store, streamOf("a"), [sampleEvent({ data, metadata: data })]);
    const [event] = await opened.store.read(streamOf("a"), { after: 0, limit: 1 });
    assertEquals(event?.data, { kept: 1, nested: {}, list: [null] });
    assertEquals(event?.metadata, event?.data);
  });

  it("does not share memory with its callers", async () => {
    await using opened = await open();
    const data = { list: [1] };
    await opened.store.append(streamOf("a"), { expectedVersion: 0, events: [sampleEvent({ data })] });
    data.list.push(2);
    const [event] = await opened.store.read(streamOf("a"), { after: 0, limit: 1 });
    assertEquals(event?.data, { list: [1] });
  });
}

function versions(open: OpenEventStore): void {
  it("says conflict and stores nothing when the expected version is too low or too high", async () => {
    await using opened = await open();
    const stream = streamOf("a");
    await appendNext(opened.store, stream, sampleEvents(3));
    for (const expectedVersion of [0, 2, 4, 100]) {
      assertEquals(await opened.store.append(stream, { expectedVersion, events: sampleEvents(2) }), "conflict");
    }
    assertEquals(
      await opened.store.append(streamOf("new"), { expectedVersion: 1, events: sampleEvents(1) }),
      "conflict",
    );
    assertEquals(await opened.store.version(stream), 3);
    assertEquals(await opened.store.version(streamOf("new")), 0);
    assertEquals((await opened.store.read(stream, { after: 0, limit: 100 })).length, 3);
    assertEquals(await opened.store.append(stream, { expectedVersion: 3, events: sampleEvents(1) }), "applied");
    assertEquals(
      await opened.store.append(streamOf("new"), { expectedVersion: 0, events: sampleEvents(1) }),
      "applied",
    );
  });

  it("lets one of 64 writers win a version and tells the others conflict", async () => {
    await using opened = await open();
    const stream = streamOf("a");
    for (const expectedVersion of [0, 1, 2]) {
      const events = sampleEvents(64);
      const outcomes = await Promise.all(
        events.map((event) => opened.store.append(stream, { expectedVersion, events: [event] })),
      );
      assertEquals(outcomes.filter((outcome) => outcome === "applied").length, 1);
      assertEquals(outcomes.filter((outcome) => outcome === "conflict").length, 63);
      const [stored] = await opened.store.read(stream, { after: expectedVersion, limit: 10 });
      assertEquals(stored?.eventId, events[outcomes.indexOf("applied")]?.eventId);
    }
  });

  it("numbers from 1 without gaps", async () => {
    await using opened = await open();
    for (const count of [1, 5, 2]) await appendNext(opened.store, streamOf("a"), sampleEvents(count));
    const events = await opened.store.read(streamOf("a"), { after: 0, limit: 100 });
    assertEquals(events.map((event) => event.sequenceNumber), [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("refuses an append without events", async () => {
    await using opened = await open();
    await assertRejects(() => opened.store.append(streamOf("a"), { expectedVersion: 0, events: [] }), TypeError);
    assertEquals(await opened.store.version(streamOf("a")), 0);
  });
}

function reading(open: OpenEventStore): void {
  it("reads in pages of at most the limit, in order, short only at the end", async () => {
    await using opened = await open();
    const stream = streamOf("a");
    await appendNext(opened.store, stream, sampleEvents(25));
    const sizes: number[] = [];
    const numbers: number[] = [];
    for (let after = 0;;) {
      const page = await opened.store.read(stream, { after, limit: 10 });
      sizes.push(page.length);
      numbers.push(...page.map((event) => event.sequenceNumber));
      if (page.length < 10) break;
      after = page.at(-1)?.sequenceNumber ?? after;
    }
    assertEquals(sizes, [10, 10, 5]);
    assertEquals(numbers, Array.from({ length: 25 }, (_, at) => at + 1));
    assertEquals(await opened.store.read(stream, { after: 25, limit: 10 }), []);
    assertEquals(await opened.store.read(stream, { after: 1000, limit: 10 }), []);
  });

  it("knows no events and version 0 of a stream that was never appended to", async () => {
    await using opened = await open();
    assertEquals(await opened.store.read(streamOf("none"), { after: 0, limit: 10 }), []);
    assertEquals(await opened.store.version(streamOf("none")), 0);
  });

  it("does not mix streams whose names differ only in where they are separated", async () => {
    await using opened = await open();
    const streams = [streamOf("c", "a/b"), streamOf("b/c", "a"), streamOf("", "a/b/c"), streamOf("a/b/c", "")];
    streams.push(streamOf("C", "a/b"), streamOf("c ", "a/b"), streamOf("c", "A/b"));
    for (const [at, stream] of streams.entries()) await appendNext(opened.store, stream, sampleEvents(at + 1));
    for (const [at, stream] of streams.entries()) {
      assertEquals(await opened.store.version(stream), at + 1);
      const events = await opened.store.read(stream, { after: 0, limit: 100 });
      assertEquals(events.map(streamKey), Array(at + 1).fill(streamKey(stream)));
      assert(events.every((event) => event.aggregateType === stream.aggregateType));
    }
  });
}

function groups(open: OpenEventStore): void {
  it("answers many appends at once, each with its own outcome", async () => {
    await using opened = await open();
    await appendNext(opened.store, streamOf("taken"), sampleEvents(1));
    const names = Array.from({ length: 300 }, (_, at) => at % 10 === 5 ? "taken" : `stream-${at}`);
    const outcomes = await Promise.all(
      names.map((id) => opened.store.append(streamOf(id), { expectedVersion: 0, events: sampleEvents(2) })),
    );
    const wanted: AppendOutcome[] = names.map((id) => id === "taken" ? "conflict" : "applied");
    assertEquals(outcomes, wanted);
    for (const id of names) assertEquals(await opened.store.version(streamOf(id)), id === "taken" ? 1 : 2);
  });

  it("takes two appends to one stream at once, in the order they were made where nobody else appends", async () => {
    await using opened = await open();
    const stream = streamOf("a");
    const appends = [[0, sampleEvents(2)], [1, sampleEvents(1)], [2, sampleEvents(1)], [3, sampleEvents(3)]] as const;
    const outcomes = await Promise.all(
      appends.map(([expectedVersion, events]) => opened.store.append(stream, { expectedVersion, events })),
    );
    const inOrder = ["applied", "conflict", "applied", "applied"];
    // Between processes there is no order to keep, so that one may be too early.
    const early = [["applied", "conflict", "applied", "conflict"], ["applied", "conflict", "conflict", "conflict"]];
    const allowed = opened.store.soleWriter ? [inOrder] : [inOrder, ...early];
    assert(allowed.some((each) => each.join() === outcomes.join()), outcomes.join());
    const stored = await opened.store.read(stream, { after: 0, limit: 100 });
    const applied = appends.flatMap(([, events], at) => outcomes[at] === "applied" ? events : []);
    assertEquals(stored.map((event) => event.eventId), applied.map((event) => event.eventId));
  });

  it("stores all events of an append or none", async () => {
    await using opened = await open();
    const stream = streamOf("a");
    const appends = [sampleEvents(100), sampleEvents(50)] as const;
    const outcomes = await Promise.all([
      ...appends.map((events) => opened.store.append(stream, { expectedVersion: 0, events })),
      opened.store.append(stream, { expectedVersion: 99, events: sampleEvents(50) }),
    ]);
    const winner = outcomes.indexOf("applied");
    if (opened.store.soleWriter) assertEquals(winner, 0);
    assertEquals(outcomes.toSpliced(winner, 1), ["conflict", "conflict"]);
    const stored = await opened.store.read(stream, { after: 0, limit: 1000 });
    assertEquals(stored.map((event) => event.eventId), appends[winner]?.map((event) => event.eventId));
  });
}

function againstAModel(open: OpenEventStore): void {
  const step = fc.record({
    stream: fc.integer({ min: 0, max: 3 }),
    offBy: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -2, max: 2 })),
    data: fc.array(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue(), { maxKeys: 3 }), {
      minLength: 1,
      maxLength: 4,
    }),
    pageSize: fc.integer({ min: 1, max: 5 }),
  });

  it("behaves as a plain map of lists under random appends and reads", async () => {
    await using opened = await open();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        run++;
        const model = new Map<string, unknown[]>();
        for (const { stream: at, offBy, data, pageSize } of steps) {
          const stream = streamOf(`${run}-${at}`);
          const held = model.get(stream.aggregateId) ?? [];
          const expectedVersion = Math.max(0, held.length + offBy);
          const events = data.map((each) => sampleEvent({ data: each }));
          const outcome = await opened.store.append(stream, { expectedVersion, events });
          assertEquals(outcome, expectedVersion === held.length ? "applied" : "conflict");
          if (outcome === "applied") held.push(...data.map((each) => JSON.parse(JSON.stringify(each))));
          model.set(stream.aggregateId, held);
          assertEquals(await opened.store.version(stream), held.length);
          const after = Math.max(0, held.length - pageSize);
          const page = await opened.store.read(stream, { after, limit: pageSize });
          assertEquals(page.map((event) => event.data), held.slice(after, after + pageSize));
        }
      }),
      { numRuns: 60 },
    );
  });
}
