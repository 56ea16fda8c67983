import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { CqlRow } from "../session.ts";
import { entryOf, groupOf, isEndOfGroup, timeOf } from "./log_row.ts";

const STREAM = { aggregateType: "counter", aggregateId: "a" };

export function logRow(change: CqlRow = {}): CqlRow {
  return {
    "cdc$stream_id": Uint8Array.of(1, 2),
    "cdc$time": "e4b1c000-c6c5-11f1-8000-0123456789ab",
    "cdc$operation": 2,
    "cdc$end_of_batch": null,
    aggregate_type: "counter",
    aggregate_id: "a",
    sequence_number: 11n,
    event_id: "00000000-0000-7000-8000-000000000001",
    event_type: "Counted",
    event_version: 1,
    event_data: '{"amount":1}',
    command_id: null,
    command_hash: null,
    causation_id: null,
    correlation_id: null,
    user_id: null,
    timestamp: new Date("2026-11-21T10:00:00.000Z"),
    metadata: null,
    ...change,
  };
}

describe("a row of the log", () => {
  it("is an event where it is an insert, with the content that the store gives", () => {
    const entry = entryOf(logRow());
    assertEquals(entry.is, "event");
    if (entry.is !== "event") return;
    assertEquals([entry.stream, entry.sequence], [STREAM, 11]);
    assertEquals(entry.event(), {
      ...STREAM,
      sequenceNumber: 11,
      eventId: "00000000-0000-7000-8000-000000000001",
      eventType: "Counted",
      eventVersion: 1,
      data: { amount: 1 },
      timestamp: "2026-11-21T10:00:00.000Z",
      ...{ commandId: null, commandHash: null, causationId: null, correlationId: null, userId: null, metadata: null },
    });
  });

  it("says nothing where it is of a stream's head, or an image of what was or is", () => {
    const none = { sequence_number: null };
    const rows = [{ "cdc$operation": 1, ...none }, { "cdc$operation": 2, ...none }];
    for (const change of [...rows, { "cdc$operation": 0 }, { "cdc$operation": 9, ...none }]) {
      assertEquals(entryOf(logRow(change)).is, "nothing", JSON.stringify(change));
    }
  });

  it("tells of damage where anything was deleted, whether or not it names an event", () => {
    for (const operation of [3, 4, 5, 6, 7, 8]) {
      for (const sequence of [11n, null]) {
        const row = logRow({ "cdc$operation": operation, sequence_number: sequence });
        assertEquals(entryOf(row), { is: "damage", stream: STREAM, operation });
      }
    }
  });

  it("is strange where nobody here writes such a thing", () => {
    const changes: CqlRow[] = [
      { "cdc$operation": 1 },
      { "cdc$operation": 10 },
      { "cdc$operation": -1 },
      { "cdc$operation": null },
      { aggregate_type: null },
      { aggregate_id: undefined },
      { sequence_number: 11 },
      { sequence_number: 0n },
      { sequence_number: 2n ** 60n },
    ];
    for (const change of changes) assertEquals(entryOf(logRow(change)).is, "strange", Object.keys(change).join());
  });

  it("names its event even where the content is not whole, and ignores columns that nobody knows", () => {
    const changes: CqlRow[] = [
      { event_id: null },
      { event_type: null },
      { event_version: null },
      { event_data: null },
      { event_data: "{" },
      { metadata: "{" },
      { timestamp: null },
    ];
    for (const change of changes) {
      const entry = entryOf(logRow(change));
      assertEquals(entry.is === "event" && [entry.sequence, entry.event()], [11, undefined], JSON.stringify(change));
    }
    const entry = entryOf(logRow({ new_column: "x", "cdc$deleted_user_id": true }));
    assertEquals(entry.is === "event" && entry.event()?.sequenceNumber, 11);
  });

  it("belongs to the commit of its time and stream, and says when that was", () => {
    const other = logRow({ "cdc$stream_id": Uint8Array.of(1, 3) });
    assertEquals(groupOf(logRow()) === groupOf(logRow({ sequence_number: 12n })), true);
    assertEquals(groupOf(logRow()) === groupOf(other), false);
    assertEquals([logRow(), logRow({ "cdc$end_of_batch": true })].map(isEndOfGroup), [false, true]);
    // As Python's uuid module reads it.
    assertEquals(timeOf(logRow({ "cdc$time": "13814000-1dd2-11b2-8000-000000000000" })), 0);
    assertEquals(timeOf(logRow({ "cdc$time": "5e8a9c10-c6b9-11f0-8000-000000000000" })), 1763715990587);
    assertEquals(timeOf(logRow({ "cdc$time": "x" })), undefined);
  });
});
