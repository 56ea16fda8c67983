import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FEED_TIMES } from "../../plugins/storage_scylla/feed/times.ts";
import { createTableOf, MIGRATIONS } from "../../plugins/storage_scylla/migrations.ts";
import { LAYOUT } from "../../plugins/storage_scylla/partitions.ts";
import type { CqlSession, Statement } from "../../plugins/storage_scylla/session.ts";
import { openStorage } from "../../plugins/storage_scylla/storage.ts";
import { keptLog, openBranch, within } from "../contract/surroundings.ts";
import { openTestSession, type TestSession } from "../../plugins/storage_scylla/test_storage.ts";
import metrics from "../../plugins/metrics/mod.ts";
import { openReader } from "../contract/change_source.ts";
import { appendNext, placeOf, sampleEvents, streamOf } from "../contract/samples.ts";
import { until } from "../contract/surroundings.ts";

const LONG_MS = 20 * 60_000;
const WITHIN_MS = 30_000;
const TIMES = { ...FEED_TIMES, auditMs: [20, 20], auditReadsPerSecond: 100_000, checkAgainMs: [20, 50] } as const;

describe("events that no feed has shown", () => {
  it("are in feed_missed_events_total, by subscription, and in the view afterwards", async () => {
    await using test = await openTestSession({ fresh: true });
    await using page = await openMetrics(test);
    let aheadMs = 0;
    const session = ahead(test.session, () => aheadMs);
    await using one = await open(test, { session, page, streams: true, aheadMs: () => aheadMs });
    await using other = await open(test, { session: unannounced(test.session), page, streams: false });
    await using reader = await openReader(one);
    await appendNext(one.store, streamOf("a"), sampleEvents(1));
    await reader.until(1);
    await until(async () => await lowestWater(test.session) !== undefined);
    await appendNext(other.store, streamOf("a"), sampleEvents(2));
    assertEquals(/^feed_missed_events_total\{/m.test(await page.text()), false);
    aheadMs = LONG_MS;
    await within(reader.until(3), WITHIN_MS, "what was missed to be shown");
    assertEquals(reader.told.map(placeOf), ["a/1", "a/2", "a/3"]);
    assertMatch(await page.text(), /^feed_missed_events_total\{subscription="sample_v1"\} 2$/m);
  });
});

type Opening = {
  readonly session: CqlSession;
  readonly page: Awaited<ReturnType<typeof openMetrics>>;
  readonly streams: boolean;
  readonly aheadMs?: () => number;
};

async function open(test: TestSession, { session, page, streams, aheadMs = () => 0 }: Opening) {
  const runtime = { ...test.runtime, now: () => Date.now() + aheadMs() };
  const log = keptLog();
  const storage = await openStorage({
    ...{ session: { ...session, close: () => Promise.resolve() }, kind: test.kind, layout: LAYOUT, streams, runtime },
    changeLog: undefined,
    ...{ log, branch: openBranch({ runtime, log }), telemetry: page.telemetry, times: TIMES },
    createTable: createTableOf({ ...test, migrations: MIGRATIONS }),
  });
  return { ...storage, [Symbol.asyncDispose]: () => storage.close() };
}

async function openMetrics({ runtime }: TestSession) {
  const { signal } = new AbortController();
  const { services: { telemetry, assets }, stop } = await metrics.start({ services: { runtime }, config: {}, signal });
  return {
    telemetry,
    text: async () => await assets[0]?.body() ?? "",
    [Symbol.asyncDispose]: async () => await stop?.(signal),
  };
}

/** A server whose clock, as far as it can be asked for, is put forward. */
function ahead(session: CqlSession, aheadMs: () => number): CqlSession {
  return {
    ...session,
    async execute(statement: Statement, options) {
      const rows = await session.execute(statement, options);
      const moved = ({ now }: Readonly<Record<string, unknown>>) =>
        now instanceof Date ? { now: new Date(now.getTime() + aheadMs()) } : {};
      return rows.map((row) => ({ ...row, ...moved(row) }));
    },
  };
}

function unannounced(session: CqlSession): CqlSession {
  return {
    ...session,
    async execute(statement: Statement, options) {
      if (statement.cql.startsWith("INSERT INTO outbox_messages")) return [];
      return await session.execute(statement, options);
    },
  };
}

/** Of all slices; undefined until the subscription is born in each. */
async function lowestWater(session: CqlSession): Promise<bigint | undefined> {
  const rows = await session.execute({ cql: "SELECT scope, low_water FROM leases", values: [] });
  const waters = rows.filter(({ scope }) => scope === "feed").map(({ low_water: low }) =>
    low instanceof Map ? low.get("sample_v1") : undefined
  );
  return waters.includes(undefined) ? undefined : waters[0];
}
