import { assertEquals } from "@std/assert";
import { virtualRuntime } from "../../../core/testing.ts";
import { keptLog, openBranch } from "../../../tests/contract/surroundings.ts";
import { TestLog } from "../cdc/test_log.ts";
import type { CqlSession } from "../session.ts";
import { Scans } from "./scans.ts";
import { SubscriptionFeed } from "./subscription_feed.ts";

const GATHER_MS = 100;

Deno.test("a scan says how much of all places it has passed, and all of it where nobody waits for one", async () => {
  const runtime = virtualRuntime({ seed: 1 });
  const { signal } = new AbortController();
  let step = Promise.withResolvers<void>();
  const session: CqlSession = {
    ...new TestLog({ streams: 1, setMs: 0 }).session,
    async *pages() {
      for (const place of [-(2n ** 62n), 2n ** 62n]) {
        yield [{ place, aggregate_type: "counter", aggregate_id: "a" }];
        await step.promise;
        step = Promise.withResolvers();
      }
    },
  };
  const feed = new SubscriptionFeed("sample", {
    ...{ session, reader: { read: () => Promise.resolve([]) }, leases: { isValid: () => true } },
    ...{ queue: { aggregates: 8, bytes: 1_000 }, onMissed: () => {} },
  });
  const log = keptLog();
  const branch = openBranch({ runtime, log });
  const scans = new Scans({ session, runtime, log, branch, feed, signal, sliceOf: () => 0 });
  const shares = [scans.share];
  const done = scans.request(0, signal);
  shares.push(scans.share);
  await runtime.advance(GATHER_MS);
  shares.push(scans.share);
  step.resolve();
  await runtime.advance(0);
  shares.push(scans.share);
  step.resolve();
  await done;
  shares.push(scans.share);
  assertEquals(shares, [1, 0, 0.25, 0.75, 1]);
});
