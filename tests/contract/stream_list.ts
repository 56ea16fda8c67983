import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type EventStore, streamKey } from "../../core/ports/event_store.ts";
import { InvalidCursor } from "../../core/ports/read_models.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";
import { appendNext, HARD_TEXTS, type Open, sampleEvents, streamOf } from "./samples.ts";

type OpenStreamList = Open<{
  readonly store: EventStore;
  readonly streamList: StreamList;
  /** The types of this case's own streams begin so, where a storage has others, too. */
  readonly prefix?: string;
}>;

export function streamListContract(name: string, open: OpenStreamList): void {
  describe(`${name} as a list of streams`, () => {
    it("lists every stream once, whatever its name, and goes on behind any place", async () => {
      await using opened = await open();
      const { store, streamList, prefix = "list" } = opened;
      const ids = [...HARD_TEXTS, ...Array.from({ length: 250 }, (_, at) => `stream ${at}`)];
      const types = [`${prefix}_one`, `${prefix}_two`];
      const streams = ids.flatMap((id) => types.map((type) => streamOf(id, type)));
      for (const stream of streams) await appendNext(store, stream, sampleEvents(2));
      const own = (stream: { aggregateType: string }) => types.includes(stream.aggregateType);
      const expected = streams.map(streamKey).toSorted();
      const pages = [];
      for await (const page of streamList.streams(null)) pages.push(page);
      const listed = pages.flatMap((page) => page.streams.filter(own).map(streamKey));
      assertEquals(listed.toSorted(), expected);
      for (const [at, { place }] of pages.entries()) {
        const rest = [];
        for await (const page of streamList.streams(place)) rest.push(...page.streams.filter(own).map(streamKey));
        assertEquals(rest, pages.slice(at + 1).flatMap((page) => page.streams.filter(own).map(streamKey)));
      }
    });

    it("refuses a place that it did not make", async () => {
      await using opened = await open();
      for (const place of ["x", "{}", "1.5", " ", "9".repeat(19)]) {
        await assertRejects(async () => {
          for await (const _ of opened.streamList.streams(place)) break;
        }, InvalidCursor);
      }
    });
  });
}
