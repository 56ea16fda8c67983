import type { Guard } from "./guards.ts";

const STORE = "plugins/storage_scylla";
const AUDIT = `${STORE}/feed_audit_cluster_test.ts`;
const DAMAGE = `${STORE}/feed_damage_cluster_test.ts`;
const MISSED = "tests/cluster/missed_events_cluster_test.ts";

/** What keeps the promises of the feed's audit, and what whole copies of the service show. */
export const auditGuards: readonly Guard[] = [
  {
    promise: "what is about to be shown is not counted as missed",
    file: `${STORE}/feed/slice_care.ts`,
    find: "head.atMs < doneMs && !feed.isUnderWay(head)",
    replace: "head.atMs < doneMs",
    test: AUDIT,
  },
  {
    promise: "nothing is missed that a low water has not passed",
    file: `${STORE}/feed/slice_care.ts`,
    find: "(this.#lowWater ?? 0) * MINUTE_MS - times.auditGraceMs",
    replace: "this.#parts.clock.nowMs() - times.auditGraceMs",
    test: AUDIT,
  },
  {
    promise: "a missed event is counted once, whatever buckets its stream has",
    file: `${STORE}/feed/slice_care.ts`,
    find: "return missed.filter((each) => !missed.some((other) => isFurther(other, each)));",
    replace: "return missed;",
    test: AUDIT,
  },
  {
    promise: "what was missed is counted",
    file: `${STORE}/feed/audit.ts`,
    find: "    countMissed(subscription, events);\n",
    replace: "",
    test: MISSED,
  },
  {
    promise: "the count of missed events is on the page of metrics",
    file: `${STORE}/storage.ts`,
    find: ", countMissed: missedCounter(telemetry) }",
    replace: " }",
    test: MISSED,
  },
  {
    promise: "a copy whose clock is far from the database's is not ready",
    file: `${STORE}/database_watch.ts`,
    find: "return this.clock.health();",
    replace: 'return { status: "pass" };',
    test: "tests/cluster/skewed_clock_cluster_test.ts",
  },
  {
    promise: "a lost watermark is not made up from the first event seen",
    file: `${STORE}/feed/page_maker.ts`,
    find: "found.get(key) ?? 0)",
    replace: "found.get(key) || (dirty.events[0]?.sequenceNumber ?? 1) - 1)",
    test: DAMAGE,
  },
  {
    promise: "a new projection shows what is not announced any more",
    file: `${STORE}/feed/slice_care.ts`,
    find: "if (needsScan) await scan(slice, signal);",
    replace: "",
    test: "tests/cluster/new_projection_cluster_test.ts",
  },
  {
    promise: "a copy gives up what is beyond its share",
    file: `${STORE}/leases.ts`,
    find: "if (held.length > share && ",
    replace: "if (held.length > 100 && ",
    test: "tests/cluster/paused_owner_cluster_test.ts",
  },
];
