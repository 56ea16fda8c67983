import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type RecordedEvent, streamKey } from "../../../core/ports/event_store.ts";
import type { CqlRow } from "../session.ts";
import { LogPages, Seen, type Shown } from "./log_page.ts";

const T1 = "13814000-1dd2-11b2-8000-000000000001";
const T2 = "13814000-1dd2-11b2-8000-000000000002";
const T3 = "13814000-1dd2-11b2-8000-000000000003";
const T4 = "13814000-1dd2-11b2-8000-000000000004";

describe("pages of the log", () => {
  it("show the events of a commit in their order, and the head's row not at all", () => {
    const { pages } = open();
    const rows = commit("a", { time: T1, numbers: [13, 11, 12] });
    assertEquals(pages.take(rows).map(brief), [["counter/a", 13, [11, 12, 13]]]);
    assertEquals(pages.end(), []);
  });

  it("show together what is of one stream, and the commits of one microsecond apart from each other", () => {
    const { pages } = open();
    const rows = [
      ...commit("a", { time: T2, numbers: [3] }),
      ...commit("b", { time: T1, numbers: [1] }),
      ...commit("a", { time: T1, numbers: [1, 2] }),
    ];
    assertEquals(pages.take(rows).map(brief), [["counter/a", 3, [1, 2, 3]], ["counter/b", 1, [1]]]);
    assertEquals(pages.end(), []);
  });

  it("say once of a commit without its end that there is more, and nothing of one that a page has cut", () => {
    const { pages } = open();
    const rows = commit("a", { time: T1, numbers: [1, 2, 3] });
    assertEquals(pages.take(rows.slice(0, 2)).map(brief), [["counter/a", 1, [1]]]);
    assertEquals(pages.take(rows.slice(2)).map(brief), [["counter/a", 3, [2, 3]]]);
    const torn = commit("b", { time: T1, numbers: [1, 2] }).slice(0, -1);
    assertEquals(pages.take(torn).map(brief), [["counter/b", 1, [1]]]);
    assertEquals(pages.end().map(brief), [["counter/b", Infinity, []]]);
    assertEquals([...pages.take(torn), ...pages.end()], []);
    const followed = [
      ...commit("c", { time: T3, numbers: [1, 2] }).slice(0, -1),
      ...commit("d", { time: T4, numbers: [1] }),
    ];
    assertEquals(pages.take(followed).map(brief), [["counter/c", Infinity, [1]], ["counter/d", 1, [1]]]);
  });

  it("show a row once, however often it is read, and again under another time", () => {
    const { pages } = open();
    assertEquals(pages.take(commit("a", { time: T1, numbers: [1] })).length, 1);
    assertEquals(pages.take(commit("a", { time: T1, numbers: [1] })).length, 0);
    assertEquals(pages.take(commit("a", { time: T2, numbers: [1] })).length, 1);
  });

  it("show nothing of streams that nobody wants, and read no content of them", () => {
    const { pages, strange } = open((id) => id !== "b");
    const unread = commit("b", { time: T1, numbers: [1] }).map((row) => ({ ...row, event_data: "{" }));
    assertEquals([...pages.take(unread), ...pages.end()], []);
    assertEquals(strange, []);
  });

  it("name an event whose content cannot be read, so that the store is asked for it", () => {
    const { pages, strange } = open();
    const rows = commit("a", { time: T1, numbers: [1] }).map((row) => ({ ...row, event_data: "{" }));
    assertEquals(pages.take(rows).map(brief), [["counter/a", 1, []]]);
    assertEquals(strange, ["the content of event 1 of counter/a"]);
  });

  it("raise an alarm once for what was deleted", () => {
    const { pages, damages } = open();
    const rows = [{ ...head("a", T1), "cdc$operation": 4, "cdc$end_of_batch": true }];
    pages.take(rows);
    pages.take(rows);
    assertEquals(damages, ["counter/a 4"]);
  });
});

function open(wants = (_id: string) => true) {
  const damages: string[] = [];
  const strange: string[] = [];
  const pages = new LogPages({
    seen: new Seen(),
    wants: ({ aggregateId }) => wants(aggregateId),
    onDamage: ({ stream, operation }) => damages.push(`${streamKey(stream)} ${operation}`),
    onStrange: (reason) => strange.push(reason),
  });
  return { pages, damages, strange };
}

function commit(id: string, { time, numbers }: { time: string; numbers: readonly number[] }): CqlRow[] {
  const events = numbers.map((number, at) => ({
    ...head(id, time),
    "cdc$operation": 2,
    sequence_number: BigInt(number),
    event_id: `${id}-${number}`,
    event_type: "Counted",
    event_version: 1,
    event_data: "{}",
    timestamp: new Date(0),
    "cdc$end_of_batch": at === numbers.length - 1 ? true : null,
  }));
  return [head(id, time), ...events];
}

function head(id: string, time: string): CqlRow {
  return {
    "cdc$stream_id": Uint8Array.of(1),
    "cdc$time": time,
    "cdc$operation": 1,
    "cdc$end_of_batch": null,
    aggregate_type: "counter",
    aggregate_id: id,
    sequence_number: null,
  };
}

function brief({ stream, through, events }: Shown): [string, number, number[]] {
  return [streamKey(stream), through, events.map(({ sequenceNumber }: RecordedEvent) => sequenceNumber)];
}
