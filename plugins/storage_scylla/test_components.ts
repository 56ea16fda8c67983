import { virtualRuntime } from "annals/testing";
import type { Runtime } from "../../core/ports/runtime.ts";
import { Fault, type FaultKind } from "../../tests/contract/fault.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import { CdcFeed } from "./cdc/cdc_feed.ts";
import { TEST_LAYOUT, TestLog } from "./cdc/test_log.ts";
import { DatabaseWatch } from "./database_watch.ts";
import { Feed } from "./feed/feed.ts";
import { FEED_TIMES, minuteOf } from "./feed/times.ts";
import { LEASE_TIMES } from "./lease.ts";
import { startLeases } from "./leases.ts";
import type { CqlRow, CqlSession, Statement } from "./session.ts";

/** Every component of the cluster store. A new one needs a line here, and below what it asks for. */
export const COMPONENTS = [
  "database_watch",
  "lease_renewals",
  "lease_looks",
  "announcement_poll",
  "feed_audit",
  "sweep_of_slice_0",
  "care_of_slice_0_for_sample",
  "scan_for_sample",
  "log_stream_sets",
  "log_reader_0",
] as const;

/** Which component it is that asks for what. Of those that ask for nothing that may fail, it is the pause between. */
const ASKED_BY = [
  ["announcement_poll", /FROM outbox_messages WHERE slice IN/],
  ["sweep_of_slice_0", /FROM outbox_messages WHERE slice = \? AND minute = \?$/],
  ["care_of_slice_0_for_sample", /^SELECT sequence FROM projection_offsets/],
  ["feed_audit", /^SELECT DISTINCT token/],
  ["scan_for_sample", /^SELECT token/],
  ["lease_looks", /FROM leases WHERE scope = \? AND slice IN/],
  ["log_reader_0", /FROM log/],
  ["log_stream_sets", /FROM times/],
] as const;
const LOOK_EVERY_MS = 5_000;
const SAMPLE = { aggregateType: "sample", aggregateId: "a" };
const COMMIT = "00000000-0000-4000-8000-000000000001";

type Met = (component: string) => Promise<void> | undefined;

/**
 * All that works by itself on the cluster store, in the test's time, on a database with a commit announced in each
 * minute. What each component asks for can be made to go wrong: that is the fault of its name, `broken` from the start.
 */
export async function openComponents(broken?: { readonly name: string; readonly kind: FaultKind }) {
  const runtime = virtualRuntime({ seed: 3, startAt: Date.UTC(2026, 10, 21) });
  const faults = new Map<string, Fault>();
  const faultOf = (component: string) => faults.getOrInsertComputed(component, () => new Fault());
  if (broken !== undefined) faultOf(broken.name).begin(broken.kind);
  const asked = new Map<string, number>();
  const meet: Met = (component) => {
    asked.set(component, (asked.get(component) ?? 0) + 1);
    return faultOf(component).meet();
  };
  const log = keptLog();
  const branch = openBranch({ runtime, log });
  const session = databaseOf(runtime, meet);
  const common = { session, log, branch, slices: 1 };
  const watched = pausing(runtime, { ms: LOOK_EVERY_MS, met: () => meet("database_watch") });
  const database = await DatabaseWatch.start({ ...common, runtime: watched });
  const { clock } = database;
  const renewing = pausing(runtime, { ms: LEASE_TIMES.renewEveryMs, met: () => meet("lease_renewals") });
  const leases = startLeases({ ...common, runtime: renewing, copyId: runtime.newId(), claim: true });
  const feed = new Feed({
    ...{ ...common, runtime, leases, clock, reader: { read: () => Promise.resolve([]) } },
    times: { ...FEED_TIMES, auditMs: [1_000, 20_000] },
    cdc: new CdcFeed({ ...common, runtime, clock, layout: TEST_LAYOUT }),
  });
  feed.load("sample");
  feed.ring(SAMPLE, { commitId: COMMIT, events: [] });
  return {
    ...{ runtime, faultOf },
    asked: (component: string) => asked.get(component) ?? 0,
    tree: () => branch.tree(),
    async [Symbol.asyncDispose]() {
      for (const fault of faults.values()) fault.mend();
      await feed.stop();
      await leases.stop();
      await database.stop();
    },
  };
}

/** One pause of that length may go wrong. */
function pausing(
  runtime: Runtime,
  { ms: paused, met }: { readonly ms: number; readonly met: () => Promise<void> | undefined },
): Runtime {
  return { ...runtime, sleep: (ms, options) => (ms === paused ? met() : undefined) ?? runtime.sleep(ms, options) };
}

/** Knows of no lease and of no event, and applies every condition. */
function databaseOf(runtime: Runtime, meet: Met): CqlSession {
  const log = new TestLog({ streams: 1, setMs: runtime.now() - 60_000 });
  const answerTo = async (statement: Statement): Promise<readonly CqlRow[]> => {
    const { cql, values } = statement;
    const [component] = ASKED_BY.find(([, asks]) => asks.test(cql)) ?? [];
    if (component !== undefined) await meet(component);
    if (cql.includes(" IF ")) return [{ "[applied]": true }];
    if (cql.includes("toTimestamp")) return [{ now: new Date(runtime.now()) }];
    if (component === "care_of_slice_0_for_sample") return [{ sequence: 1n }];
    if (component === "sweep_of_slice_0") return [announcedIn(Number(values[1]), minuteOf(runtime.now()))].flat();
    return [];
  };
  return {
    ...log.session,
    execute: answerTo,
    async *pages(statement, options) {
      const rows = await answerTo(statement);
      if (/FROM (log|times|streams)/.test(statement.cql)) yield* log.session.pages(statement, options);
      else yield rows;
    },
  };
}

function announcedIn(minute: number, now: number): readonly CqlRow[] {
  if (minute > now) return [];
  const { aggregateType: aggregate_type, aggregateId: aggregate_id } = SAMPLE;
  const at = new Date(minute * 60_000);
  const commit = { commit_id: COMMIT, bucket: 0, expected: 0, cond: null, count: 1, fence: null };
  return [{ slice: 0, minute, at, aggregate_type, aggregate_id, ...commit }];
}
