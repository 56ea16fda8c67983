import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import type { Module } from "annals";
import { counter, counterWith, NO_ANSWERS } from "./counter.ts";
import { ANONYMOUS, openRig, type Rig } from "./rig.ts";

const principal = ANONYMOUS;
const guest = { sub: "guest", claims: {} };

function served(rig: Rig) {
  const found = rig.registry.byName.get("counter");
  if (found === undefined) throw new Error("the counter is served");
  return found;
}

function viewOf(rig: Rig) {
  const view = rig.registry.views.get("counter_totals");
  if (view === undefined) throw new Error("the view is served");
  return view;
}

async function page(rig: Rig, after: number, limit: number) {
  const found = await rig.queries.history(served(rig), { principal, id: "a", after, limit });
  if (found.is !== "found") throw new Error(`expected a page, found ${found.is}`);
  return { numbers: found.events.map((event) => event.sequenceNumber), next: found.next };
}

describe("Queries", () => {
  it("pages through a history, next being the last number while there are more", async () => {
    await using rig = await openRig({ modules: [counter], streamer: false });
    await rig.execute({ module: "counter", id: "a", body: { type: "Count", by: 1, times: 5 } });
    assertEquals(await page(rig, 0, 2), { numbers: [1, 2], next: 2 });
    assertEquals(await page(rig, 2, 3), { numbers: [3, 4, 5], next: null });
    assertEquals(await page(rig, 2, 100), { numbers: [3, 4, 5], next: null });
    assertEquals(await page(rig, 5, 10), { numbers: [], next: null });
    assertEquals(await page(rig, 99, 10), { numbers: [], next: null });
    const missing = await rig.queries.history(served(rig), { principal, id: "b", after: 0, limit: 1 });
    assertEquals(missing, { is: "missing" });
  });

  it("ends a page of large events early, and misses none of them", async () => {
    await using rig = await openRig({ modules: [counter], streamer: false });
    const note = "x".repeat(500_000);
    for (let round = 0; round < 30; round += 1) {
      await rig.execute({ module: "counter", id: "a", body: { type: "Note", note } });
    }
    const numbers: number[] = [];
    for (let after: number | null = 0; after !== null;) {
      const read: Awaited<ReturnType<typeof page>> = await page(rig, after, 1_000);
      assert(read.numbers.length <= 9, `expected at most 9 events in a page, found ${read.numbers.length}`);
      numbers.push(...read.numbers);
      after = read.next;
    }
    assertEquals(numbers, Array.from({ length: 30 }, (_, at) => at + 1));
  });

  it("shows a state as it was at a version and at a moment", async () => {
    await using rig = await openRig({ modules: [counter], streamer: false });
    for (const by of [1, 2, 3]) await rig.execute({ module: "counter", id: "a", body: { type: "Count", by } });
    const at = async (moment?: { version: number } | { at: string }) =>
      await rig.queries.state(served(rig), { principal, id: "a", moment });
    assertEquals(await at(), { is: "found", version: 3, state: { total: 6 } });
    assertEquals(await at({ version: 2 }), { is: "found", version: 2, state: { total: 3 } });
    for (const version of [0, 4]) assertEquals(await at({ version }), { is: "out_of_range", currentVersion: 3 });
    const { events } = await rig.queries.history(served(rig), { principal, id: "a", after: 0, limit: 3 }).then((
      found,
    ) => found.is === "found" ? found : { events: [] });
    const [first, , last] = events.map(({ timestamp }) => timestamp);
    const before = await at({ at: new Date(Date.parse(first ?? "") - 1).toISOString() });
    assertEquals(before, { is: "out_of_range", currentVersion: 3 });
    const then = await at({ at: last ?? "" });
    assertEquals(then, { is: "found", version: 3, state: { total: 6 } });
    assertEquals(await at({ at: "2999-01-01T00:00:00.000Z" }), then);
    const missing = await rig.queries.state(served(rig), { principal, id: "nobody" });
    assertEquals(missing, { is: "missing" });
  });

  it("asks allowRead on every path, before it says whether anything is there", async () => {
    await using rig = await openRig({ modules: [counter], streamer: false });
    const asked = { principal: guest, id: "nobody" };
    assertEquals(await rig.queries.state(served(rig), asked), { is: "forbidden" });
    assertEquals(await rig.queries.history(served(rig), { ...asked, after: 0, limit: 1 }), { is: "forbidden" });
    const view = viewOf(rig);
    assertEquals(await rig.queries.document(view, { principal: guest, key: "x" }), { is: "forbidden" });
    assertEquals(await rig.queries.find(view, { principal: guest, find: { limit: 1 } }), { is: "forbidden" });
  });

  it("lets nobody read by an allowRead that gives anything but true, as types are not checked", async () => {
    for (const given of NO_ANSWERS) {
      const allowRead = (() => given) as unknown as () => boolean;
      await using rig = await openRig({ modules: [counterWith({ allowRead })], streamer: false });
      assertEquals(await rig.queries.state(served(rig), { principal, id: "a" }), { is: "forbidden" }, String(given));
    }
  });

  it("tells by a write to be shown nothing of what its module's allowRead refuses", async () => {
    const allowRead: Module["allowRead"] = ({ sub }, read) => read.kind === "view" || "id" in read && read.id === sub;
    await using rig = await openRig({ modules: [counterWith({ allowRead })], streamer: false });
    for (const id of ["alice", "bob"]) await rig.execute({ module: "counter", id, body: { type: "Count", by: 1 } });
    const view = viewOf(rig);
    const shownOf = (aggregateId: string, version: number) => ({
      write: { aggregateType: "counter", aggregateId, version },
      timeoutMs: 0,
    });
    const bob = { sub: "bob", claims: {} };
    for (const version of [1, 2]) {
      const shown = shownOf("alice", version);
      assertEquals(await rig.queries.document(view, { principal: bob, key: "bob", shown }), { is: "forbidden" });
      assertEquals(await rig.queries.find(view, { principal: bob, find: { limit: 1 }, shown }), { is: "forbidden" });
    }
    const own = { principal: bob, key: "bob", shown: shownOf("bob", 1) };
    assertEquals(await rig.queries.document(view, own), { is: "behind" });
  });

  it("lets one wait for views a hundred times at once, those without a name a thousand times", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    await using rig = await openRig({ modules: [counter], streamer: false, runtime });
    await rig.execute({ module: "counter", id: "a", body: { type: "Count", by: 1 } });
    const view = viewOf(rig);
    const write = { aggregateType: "counter", aggregateId: "a", version: 1 };
    const wait = async (sub: string) => {
      const principal = { sub, claims: {} };
      const { is } = await rig.queries.document(view, { principal, key: "a", shown: { write, timeoutMs: 1_000 } });
      assertEquals(is, "behind");
      return runtime.monotonicMs();
    };
    const begunMs = runtime.monotonicMs();
    const waits = ["alice", "anonymous"].flatMap((sub) => Array.from({ length: 100 }, () => wait(sub)));
    const refusedMs = await wait("alice");
    waits.push(wait("bob"), wait("anonymous"));
    await runtime.advance(1_000);
    assertEquals(refusedMs, begunMs);
    assertEquals(new Set(await Promise.all(waits)), new Set([begunMs + 1_000]));
  });
});
