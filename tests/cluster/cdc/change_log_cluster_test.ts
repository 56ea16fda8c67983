import { assert, assertEquals, assertLess } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { LOG_TIMES } from "../../../plugins/storage_scylla/cdc/log_times.ts";
import { FEED_TIMES } from "../../../plugins/storage_scylla/feed/times.ts";
import { LEASE_TIMES } from "../../../plugins/storage_scylla/lease.ts";
import { LAYOUT } from "../../../plugins/storage_scylla/partitions.ts";
import { CqlError, type CqlSession, type CqlValue } from "../../../plugins/storage_scylla/session.ts";
import type { TestCopy } from "../../../plugins/storage_scylla/test_feed.ts";
import { changeSourceContract, openReader } from "../../contract/change_source.ts";
import { appendNext, sampleEvents, streamOf } from "../../contract/samples.ts";
import { blindTo, logClusters } from "./log_rig.ts";
import { moment } from "../../service/program.ts";
import { until, within } from "../../contract/surroundings.ts";

const IDS = ["a", "b", "c", "d", "e"];
/** Announcements are read so seldom that no test waits for it. */
const COVERED = { coveredPollMs: 60_000 };
/** What a busy server shows late is found though nobody announces it. */
const PATIENT = { overlapMs: 10_000, keepSetMs: 60_000 };
const LIMIT_MS = 30_000;
/** Sooner than by any other way. */
const AT_ONCE_MS = 10_000;
const REST_MS = 5_000;

describe("the log of changes", () => {
  const clusters = logClusters();
  afterAll(() => clusters.close());

  for (const sets of ["tablets", "vnodes"] as const) {
    it(`tells alone of what others commit, while the streams of ${sets} change`, async () => {
      await using cluster = await clusters.open({ sets });
      const writer = await cluster.serving();
      const session = blindTo("outbox_messages", cluster.session);
      const copy = await cluster.reading({ session, logTimes: PATIENT });
      await using reader = await openReader(copy);
      await relied(copy);
      for (let round = 1; round <= 4; round += 1) {
        for (const id of IDS) await appendNext(writer.store, streamOf(id), sampleEvents(round));
        await within(reader.until(IDS.length * (round * (round + 1)) / 2), LIMIT_MS, "all to be told");
        await cluster.writer?.beginSet(3 * round, { afterMs: 200 });
        await appendNext(writer.store, streamOf(`at-${round}`), sampleEvents(1));
      }
      await within(reader.until(IDS.length * 10 + 4), LIMIT_MS, "all to be told");
      for (const id of IDS) assertEquals(reader.numbersOf(id), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });
  }

  it("is backed by the announcements at once when it cannot be read, and told of so", async () => {
    await using cluster = await clusters.open();
    const writer = await cluster.serving();
    const broken = breakable(cluster.session, cluster.layout.log);
    const copy = await cluster.reading({ session: broken.session, times: COVERED });
    await using reader = await openReader(copy);
    await relied(copy);
    broken.isBroken = true;
    for (const count of [2, 4, 6]) {
      await appendNext(writer.store, streamOf("a"), sampleEvents(2));
      await within(reader.until(count), AT_ONCE_MS, "all to be told");
    }
    assertEquals(copy.cdc?.health().status, "warn");
    broken.isBroken = false;
    await relied(copy);
    assertEquals(copy.cdc?.health().status, "pass");
  });

  it("is made up for by the announcements where it shows nothing, and relied upon no longer", async () => {
    await using cluster = await clusters.open({ fateOf: () => ({ loses: "all" }) });
    if (cluster.writer === undefined) return console.log("Skipped: a real log cannot be asked to lose its rows");
    const writer = await cluster.serving();
    const copy = await cluster.reading();
    await using reader = await openReader(copy);
    await relied(copy);
    for (const count of [2, 4, 6]) {
      await appendNext(writer.store, streamOf("a"), sampleEvents(2));
      await within(reader.until(count), LIMIT_MS, "all to be told");
    }
    await until(() => copy.cdc?.trusted === undefined);
    // A log that is only slow to be read is not relied upon either, and nothing is overdue there.
    await until(() => Number(copy.cdc?.health().detail?.log_overdue) > 0);
  });

  it("costs at most 50 questions a second at rest, those for announcements included", async () => {
    await using cluster = await clusters.open({ streams: 16 });
    const counted = counting(cluster.session);
    const real = { logTimes: LOG_TIMES, times: FEED_TIMES, leaseTimes: LEASE_TIMES };
    const copy = await cluster.reading({ session: counted.session, ...real });
    await using _reader = await openReader(copy);
    await relied(copy);
    await moment(2_000);
    counted.asked.length = 0;
    await moment(REST_MS);
    const rateOf = (text: string) => counted.asked.filter((cql) => cql.includes(text)).length / (REST_MS / 1_000);
    const rates = { all: rateOf(""), log: rateOf(cluster.layout.log), announcements: rateOf("outbox_messages") };
    console.log("questions a second at rest", rates);
    assertLess(rates.all, 50);
    assertLess(rates.announcements, 5);
  });

  it("raises an alarm when somebody deletes events", async () => {
    await using cluster = await clusters.open();
    const copy = await cluster.reading();
    const writer = await cluster.serving();
    await relied(copy);
    await appendNext(writer.store, streamOf("a"), sampleEvents(1));
    const key = new Map<string, CqlValue>([["aggregate_type", "counter"], ["aggregate_id", "a"], ["bucket", 0]]);
    if (cluster.writer === undefined) {
      const cql = "DELETE FROM event_store WHERE aggregate_type = ? AND aggregate_id = ? AND bucket = ?";
      await cluster.session.execute({ cql, values: [...key.values()] });
    }
    await cluster.writer?.logRows([{ operation: 4, columns: key }]);
    await until(() => copy.cdc?.health().status === "warn");
    assert(copy.cdc?.health().reason?.includes("counter/a"));
    assertEquals(copy.log.lines.filter(({ level }) => level === "error").map(({ fields }) => fields), [
      { aggregate_type: "counter", aggregate_id: "a", operation: 4 },
    ]);
  });

  changeSourceContract("a copy that reads the log of another's commits", async () => {
    const cluster = await clusters.open();
    const { store } = await cluster.serving();
    const copy = await cluster.reading();
    assertEquals(copy.leases.owned().length, LAYOUT.slices);
    return { ...copy, store, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  });
});

function relied({ cdc }: TestCopy): Promise<void> {
  return until(() => cdc?.trusted !== undefined);
}

function breakable(session: CqlSession, table: string) {
  const broken = {
    isBroken: false,
    session: {
      ...session,
      async *pages(statement, options) {
        const isFor = broken.isBroken && statement.cql.includes(` FROM ${table} `);
        if (isFor) throw new CqlError("unknown", "nobody answers");
        yield* session.pages(statement, options);
      },
    } satisfies CqlSession as CqlSession,
  };
  return broken;
}

function counting(session: CqlSession) {
  const asked: string[] = [];
  const counted: CqlSession = {
    ...session,
    execute(statement, options) {
      asked.push(statement.cql);
      return session.execute(statement, options);
    },
    pages(statement, options) {
      asked.push(statement.cql);
      return session.pages(statement, options);
    },
  };
  return { asked, session: counted };
}
