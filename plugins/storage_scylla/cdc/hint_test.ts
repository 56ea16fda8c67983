import { assertEquals } from "@std/assert";
import { SubscriptionFeed } from "../feed/subscription_feed.ts";
import { TestLog } from "./test_log.ts";

Deno.test("a subscription takes hints into half of its room, and misses none that it has no room for", () => {
  const missed: number[] = [];
  const { session } = new TestLog({ streams: 1, setMs: 0 });
  const feed = new SubscriptionFeed("sample", {
    session,
    reader: { read: () => Promise.resolve([]) },
    leases: { isValid: () => true },
    queue: { aggregates: 8, bytes: 1_000 },
    onMissed: (_slice, minute) => void missed.push(minute),
  });
  feed.follow([{ slice: 0, epoch: 1 }]);
  const dirty = (id: number) => ({
    ...{ aggregateType: "counter", aggregateId: `${id}`, slice: 0, through: 1, atMs: 0, events: [] },
  });
  for (let id = 0; id < 20; id += 1) feed.hint(dirty(id));
  assertEquals([feed.backlog(0).events, missed], [4, []]);
  for (let id = 0; id < 20; id += 1) feed.offer(dirty(id));
  assertEquals([feed.backlog(0).events, missed.length], [8, 12]);
});
