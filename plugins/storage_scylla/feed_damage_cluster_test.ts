import { assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { openReader, readSoon } from "../../tests/contract/change_source.ts";
import { appendNext, placeOf, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { LAYOUT } from "./partitions.ts";
import type { CqlSession } from "./session.ts";
import { testCluster } from "./test_feed.ts";

const DELETE = "DELETE FROM projection_offsets USING TIMESTAMP ? " +
  "WHERE subscription = 'sample_v1' AND aggregate_type = 'counter' AND aggregate_id = 'a'";
const INSERT = "INSERT INTO projection_offsets (subscription, aggregate_type, aggregate_id, sequence) " +
  "VALUES ('sample_v1', 'counter', 'a', ?) USING TIMESTAMP ?";

describe("the feed of storage_scylla over a damaged watermark", () => {
  const clusters = testCluster();
  afterAll(() => clusters.close());

  const damages = {
    "is gone": { damage: removed, told: ["a/1", "a/2", "a/3", "a/4"] },
    "is of long ago": { damage: setBack, told: ["a/2", "a/3", "a/4"] },
  };
  for (const [what, { damage, told }] of Object.entries(damages)) {
    it(`tells again what lies behind one that ${what}, though only the next event is announced`, async () => {
      await using cluster = await clusters.open();
      const first = await cluster.copy();
      await first.owns(LAYOUT.slices);
      await using before = await openReader(first);
      for (const id of ["a", "b"]) await appendNext(first.store, streamOf(id), sampleEvents(3));
      await before.until(6);
      await before[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
      await damage(cluster.session);
      await cluster.session.define("TRUNCATE outbox_messages");
      const second = await cluster.copy();
      await second.owns(LAYOUT.slices);
      await using after = await openReader(second);
      await appendNext(second.store, streamOf("a"), sampleEvents(1));
      await readSoon(after, told.length);
      assertEquals(after.told.map(placeOf), told);
      const standing = await second.progress.port.standing("sample_v1", { ...streamOf("a"), version: 4 });
      assertEquals(standing, { is: "passed" });
    });
  }
});

/** Its number is a watermark's time as well, so what removes it must not be later than what follows it. */
async function removed(session: CqlSession): Promise<void> {
  await session.execute({ cql: DELETE, values: [3n] });
}

async function setBack(session: CqlSession): Promise<void> {
  await session.execute({ cql: DELETE, values: [3n] });
  await session.execute({ cql: INSERT, values: [1n, 4n] });
}
