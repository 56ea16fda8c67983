import { assertEquals, assertGreater } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { Unavailable } from "../../../core/ports/event_store.ts";
import { minuteOf } from "../../../plugins/storage_scylla/feed/times.ts";
import { SETTLED } from "../../../plugins/storage_scylla/feed/slice_sweep.ts";
import { LAYOUT } from "../../../plugins/storage_scylla/partitions.ts";
import type { TestCopy } from "../../../plugins/storage_scylla/test_feed.ts";
import { realRuntime, within } from "../../contract/surroundings.ts";
import { openReader } from "../../contract/change_source.ts";
import { appendNext, placeOf, sampleEvents, streamOf } from "../../contract/samples.ts";
import { type LogCluster, logClusters } from "./log_rig.ts";

/** And yet long enough for a machine under load to renew them in time. */
const SHORT_LEASES = { renewEveryMs: 300, validForMs: 3_000, takeAfterMs: 3_600 };
const IDS = Array.from({ length: 24 }, (_, at) => `stream-${at}`);
const LIMIT_MS = 30_000;
const HOUR_MS = 3_600_000;
const LONG_AGO_MINUTES = 8 * 24 * 60;

describe("with a log of changes", () => {
  const clusters = logClusters();
  afterAll(() => clusters.close());

  it("a copy goes on for one that dies while the streams change", async () => {
    await using cluster = await clusters.open();
    const writer = await cluster.serving();
    const dying = await cluster.reading({ leaseTimes: SHORT_LEASES });
    const copy = await cluster.copy({ changeLog: cluster.layout, leaseTimes: SHORT_LEASES });
    await copy.owns(LAYOUT.slices / 2);
    await using reader = await openReader(copy);
    await cluster.writer?.beginSet(8, { afterMs: 300 });
    await dying.kill();
    for (const id of IDS) await appendNext(writer.store, streamOf(id), sampleEvents(2));
    await cluster.writer?.beginSet(4, { afterMs: 300 });
    for (const id of IDS) await appendNext(writer.store, streamOf(id), sampleEvents(1));
    await within(reader.until(IDS.length * 3), LIMIT_MS, "all to be told");
    for (const id of IDS) assertEquals(reader.numbersOf(id), [1, 2, 3]);
  });

  it("a scan finds what an outage has outlived, of the log and of the announcements", async () => {
    await using cluster = await clusters.open();
    const writer = await cluster.serving();
    const first = await cluster.reading();
    await using before = await openReader(first);
    for (const id of ["a", "b"]) await appendNext(writer.store, streamOf(id), sampleEvents(2));
    await before.until(4);
    await before[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    for (const id of ["b", "c"]) await appendNext(writer.store, streamOf(id), sampleEvents(3));
    await cluster.writer?.settled();
    await expire(cluster);
    await using after = await openReader(await cluster.reading());
    await within(after.until(6), LIMIT_MS, "all to be told");
    assertEquals(after.told.map(placeOf).toSorted(), ["b/3", "b/4", "b/5", "c/1", "c/2", "c/3"]);
  });

  it("a copy that is restarted again and again tells everything, in order", async () => {
    await using cluster = await clusters.open();
    const writer = await cluster.serving();
    const told: string[] = [];
    const writing = Promise.all(IDS.map(async (id) => {
      for (let count = 0; count < 6; count += 1) await appendNext(writer.store, streamOf(id), sampleEvents(2));
    }));
    for (let life = 0; life < 5; life += 1) await live(cluster, told, (life + 1) * 40);
    await writing;
    await live(cluster, told, IDS.length * 12);
    const last = new Map<string, number>();
    for (const place of new Set(told)) {
      const [id = "", number] = place.split("/");
      assertEquals(Number(number), (last.get(id) ?? 0) + 1, place);
      last.set(id, Number(number));
    }
    assertEquals([...last.values()], IDS.map(() => 12));
  });

  for (const [what, hours] of [["ahead", 1], ["behind", -1]] as const) {
    it(`a copy whose machine has its clock an hour ${what} tells everything`, async () => {
      await using cluster = await clusters.open();
      const writer = await cluster.serving();
      const runtime = { ...realRuntime, now: () => realRuntime.now() + hours * HOUR_MS };
      await tellsAll(cluster, writer, await cluster.reading({ runtime }));
    });

    it(`a copy that believes the log's clock to be an hour ${what} tells everything`, async () => {
      await using cluster = await clusters.open();
      const writer = await cluster.serving();
      await tellsAll(cluster, writer, await cluster.reading({ logAheadMs: hours * HOUR_MS }));
    });
  }
});

async function tellsAll(cluster: LogCluster, writer: TestCopy, copy: TestCopy): Promise<void> {
  await using reader = await openReader(copy);
  for (let round = 0; round < 3; round += 1) {
    for (const id of IDS) await appendNext(writer.store, streamOf(id), sampleEvents(1));
    await cluster.writer?.beginSet(4, { afterMs: 100 });
  }
  await within(reader.until(IDS.length * 3), LIMIT_MS, "all to be told");
  for (const id of IDS) assertEquals(reader.numbersOf(id), [1, 2, 3]);
}

/** One life of a copy, until so many different events were told in all, and a sudden end. */
async function live(cluster: LogCluster, told: string[], events: number): Promise<void> {
  const copy = await cluster.reading({ leaseTimes: SHORT_LEASES });
  const reader = await openReader(copy);
  while (new Set(told).size < events) {
    try {
      for (const page of await reader.until(reader.told.length + 1, { commits: false })) {
        told.push(...page.events.map(placeOf));
        await reader.commit(page);
      }
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }
  await copy.kill();
  await reader[Symbol.asyncDispose]();
}

/** What a week does to the log and the announcements, and to what is known of how far they were read. */
async function expire({ session, layout, writer, scope }: LogCluster): Promise<void> {
  if (writer !== undefined) await session.define(`TRUNCATE ${layout.log}`);
  await session.define("TRUNCATE outbox_messages");
  const minute = BigInt(minuteOf(realRuntime.now()) - LONG_AGO_MINUTES);
  const lowWater = new Map([["sample_v1", minute], [SETTLED, minute]]);
  let applied = 0;
  for (let slice = 0; slice < LAYOUT.slices; slice += 1) {
    const cql = "UPDATE leases SET low_water = ? WHERE scope = ? AND slice = ? IF EXISTS";
    const [row] = await session.execute({ cql, values: [lowWater, scope, slice] });
    if (row?.["[applied]"] === true) applied += 1;
  }
  assertGreater(applied, 0);
}
