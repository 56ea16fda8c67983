import { assertEquals } from "@std/assert";
import { virtualRuntime } from "../../../core/testing.ts";
import { keptLog, openBranch } from "../../../tests/contract/surroundings.ts";
import { TestLog } from "../cdc/test_log.ts";
import type { CqlSession } from "../session.ts";
import { Scans } from "./scans.ts";
import { SubscriptionFeed } from "./subscription_feed.ts";

const GATHER_MS = 100;
/** More of a promise's steps than there are between the end of a scan and that of its component. */
const MOST_STEPS = 16;

Deno.test("a scan says how much of all places it has passed, and all of it where nobody waits for one", async () => {
  let step = Promise.withResolvers<void>();
  const { runtime, signal, scans } = openRig(async function* () {
    for (const place of [-(2n ** 62n), 2n ** 62n]) {
      yield [{ place, aggregate_type: "counter", aggregate_id: "a" }];
      await step.promise;
      step = Promise.withResolvers();
    }
  });
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

Deno.test("a scan that is asked for as another one ends is begun", async () => {
  for (let steps = 0; steps < MOST_STEPS; steps += 1) {
    let begun = 0;
    const { runtime, signal, scans } = openRig(async function* () {
      begun += 1;
      yield [];
    });
    const askTwice = async () => {
      await scans.request(0, signal);
      for (let step = 0; step < steps; step += 1) await undefined;
      await scans.request(0, signal);
    };
    const asked = askTwice();
    await runtime.advance(2 * GATHER_MS);
    assertEquals([steps, begun], [steps, 2]);
    await asked;
  }
});

function openRig(pages: CqlSession["pages"]) {
  const runtime = virtualRuntime({ seed: 1 });
  const { signal } = new AbortController();
  const session: CqlSession = { ...new TestLog({ streams: 1, setMs: 0 }).session, pages };
  const feed = new SubscriptionFeed("sample", {
    ...{ session, reader: { read: () => Promise.resolve([]) }, leases: { isValid: () => true } },
    ...{ queue: { aggregates: 8, bytes: 1_000 }, onMissed: () => {} },
  });
  const log = keptLog();
  const branch = openBranch({ runtime, log });
  const scans = new Scans({ session, runtime, log, branch, feed, signal, sliceOf: () => 0 });
  return { runtime, signal, scans };
}
