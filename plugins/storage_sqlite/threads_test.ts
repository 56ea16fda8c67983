import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { Unavailable } from "../../core/ports/event_store.ts";
import { appendNext, openReader, placeOf, sampleEvent, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { startStorageWorker } from "./storage.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import { openTemporary, temporaryDirectory, testOptions } from "./test_storage.ts";
import { openStorage, type Storage } from "./storage.ts";

/** What happens to the next message of this kind, once. */
type Fate = { kind: "group" | "write"; dies: "before" | "after" | "never" } | undefined;

/**
 * Workers that die when told: a message none of them knows is a programmer's fault, which ends a worker. One that never
 * dies does not even hear the message until it is told to go on.
 */
function mortalWorkers() {
  const fates: { next: Fate; go?: () => void } = { next: undefined };
  const startWorker = (file: "events" | "views"): Worker => {
    const worker = startStorageWorker(file);
    const post = worker.postMessage.bind(worker);
    let isDeaf = false;
    worker.postMessage = (message: object) => {
      const fate = fates.next !== undefined && fates.next.kind in message ? fates.next : undefined;
      if (fate === undefined) return post(message);
      fates.next = undefined;
      if (fate.dies === "never") {
        fates.go = () => post(message);
        return;
      }
      isDeaf = true;
      if (fate.dies === "before") post({ unheard: "of" });
      post(message);
      post({ unheard: "of" });
    };
    Object.defineProperty(worker, "onmessage", {
      set(listen: (event: MessageEvent) => void) {
        worker.addEventListener("message", (event) => isDeaf || listen(event));
      },
    });
    return worker;
  };
  return { fates, startWorker };
}

const MODEL = { incarnation: "sample_v1", indexes: {}, sources: "one" } as const;
const CHANGE = {
  documents: [{ key: "a", version: 1, document: { name: "a" } }],
  progress: { checkpoint: null, park: [], unpark: [] },
};

/** Each thread, what it is asked, and whether that was done. */
const THREADS = [
  {
    name: "events_thread",
    kind: "group",
    async work({ store }: Storage) {
      const outcome = await store.append(streamOf(crypto.randomUUID()), {
        expectedVersion: 0,
        events: sampleEvents(1),
      });
      return outcome === "applied";
    },
  },
  {
    name: "views_thread",
    kind: "write",
    work: ({ readModels }: Storage) => readModels.write(MODEL, CHANGE).then(() => true, () => false),
  },
] as const;

for (const { name, kind, work } of THREADS) {
  describe(`the ${name} under supervision`, () => {
    const openWatched = async () => {
      const { fates, startWorker } = mortalWorkers();
      const runtime = virtualRuntime({ seed: 1 });
      const branch = openBranch({ runtime, log: keptLog() });
      const storage = await openTemporary({ startWorker, branch });
      await storage.readModels.prepare(MODEL);
      const shown = (name: string) => {
        const { state, restarts, lastError } = branch.tree().children.find((each) => each.name === name) ?? {};
        return { state, restarts, lastError };
      };
      const assertOtherUntouched = () => {
        const other = name === "events_thread" ? "views_thread" : "events_thread";
        assertEquals(shown(other), { state: "running", restarts: 0, lastError: null });
      };
      return { fates, runtime, branch, storage, component: () => shown(name), assertOtherUntouched };
    };

    it("shows its death, comes back with the next call, and leaves the other alone", async () => {
      const { fates, runtime, storage, component, assertOtherUntouched } = await openWatched();
      await using _storage = storage;
      fates.next = { kind, dies: "before" };
      assertEquals(await work(storage), false);
      await runtime.advance(0);
      assertEquals([component().state, component().restarts], ["restarting", 1]);
      assertMatch(component().lastError ?? "", /^ThreadDied: The thread of .*\.db died/);
      await runtime.advance(1_000);
      assertEquals([component().state, await work(storage)], ["running", true]);
      assertOtherUntouched();
    });

    it("shows a write that hangs and gives it up never, and takes no rest for a hang", async () => {
      const { fates, runtime, storage, component, assertOtherUntouched } = await openWatched();
      await using _storage = storage;
      await runtime.advance(600_000);
      assertEquals(component().restarts, 0);
      fates.next = { kind, dies: "never" };
      const working = work(storage);
      await runtime.advance(80_000);
      const { lastError } = component();
      fates.go?.();
      assertMatch(lastError ?? "", /It hangs/);
      assertEquals([await working, await work(storage)], [true, true]);
      const shown = component().restarts;
      await runtime.advance(600_000);
      assertEquals(component().restarts, shown);
      assertOtherUntouched();
    });

    it("that keeps dying is held back in the tree, and has done whatever it could meanwhile", async () => {
      const { fates, runtime, branch, storage, component, assertOtherUntouched } = await openWatched();
      await using _storage = storage;
      for (let death = 0; death < 10; death += 1) {
        fates.next = { kind, dies: "before" };
        assertEquals([await work(storage), await work(storage)], [false, true]);
        // The longest pause behind that death.
        if (death < 9) await runtime.advance(Math.min(100 * 2 ** death, 10_000));
      }
      await runtime.advance(0);
      assertEquals([component().state, component().restarts, branch.tree().restarts], ["held_back", 10, 1]);
      assertMatch(branch.tree().lastError ?? "", new RegExp(`^${name}: ThreadDied`));
      assertEquals(await work(storage), true);
      await runtime.advance(60_000);
      assertEquals([component().state, await work(storage)], ["running", true]);
      assertOtherUntouched();
    });
  });
}

describe("a storage thread that dies", () => {
  for (const dies of ["before", "after"] as const) {
    it(`${dies} it commits leaves its group's outcome unknown, and the next group finds a new one`, async () => {
      const { fates, startWorker } = mortalWorkers();
      const log = keptLog();
      await using storage = await openTemporary({ startWorker, log });
      await appendNext(storage.store, streamOf("a"), sampleEvents(1));
      await using reader = openReader(storage.log);
      await reader.until(1);
      fates.next = { kind: "group", dies };
      const pending = ["a", "b"].map((id) =>
        storage.store.append(streamOf(id), { expectedVersion: id === "a" ? 1 : 0, events: sampleEvents(1) })
      );
      assertEquals(await Promise.all(pending), ["unknown", "unknown"]);
      const stored = dies === "after";
      await appendNext(storage.store, streamOf("c"), sampleEvents(1));
      assertEquals(await storage.store.version(streamOf("a")), stored ? 2 : 1);
      const places = (await reader.until(stored ? 4 : 2)).map(placeOf);
      assertEquals(places, stored ? ["a/1", "a/2", "b/1", "c/1"] : ["a/1", "c/1"]);
      assert(log.lines.some(({ level, message }) => level === "error" && message.includes("thread died")));
    });

    it(`${dies} it commits a change of a read model is found out about`, async () => {
      const { fates, startWorker } = mortalWorkers();
      await using storage = await openTemporary({ startWorker });
      await storage.readModels.prepare(MODEL);
      fates.next = { kind: "write", dies };
      if (dies === "before") await assertRejects(() => storage.readModels.write(MODEL, CHANGE), Unavailable);
      else await storage.readModels.write(MODEL, CHANGE);
      assertEquals((await storage.readModels.get(MODEL, ["a"])).size, dies === "after" ? 1 : 0);
      await storage.readModels.write(MODEL, CHANGE);
      assertEquals((await storage.readModels.get(MODEL, ["a"])).size, 1);
    });
  }
});

describe("a group that SQLite refuses", () => {
  it("is not stored at all, neighbours included, and the next one is", async () => {
    await using storage = await openTemporary();
    const { store } = storage;
    const append = (id: string, eventVersion: number) =>
      store.append(streamOf(id), { expectedVersion: 0, events: [...sampleEvents(1), sampleEvent({ eventVersion })] });
    const outcomes = await Promise.allSettled([append("before", 1), append("wrong", 1.5), append("after", 1)]);
    assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected", "rejected"]);
    const versions = await Promise.all(["before", "wrong", "after"].map((id) => store.version(streamOf(id))));
    assertEquals(versions, [0, 0, 0]);
    assertEquals(await append("before", 1), "applied");
    assertEquals(storage.health(), { status: "pass" });
  });
});

describe("a storage that is closed", () => {
  it("has stored what was waiting, takes nothing more, and leaves its files to be moved and opened", async () => {
    await using directory = await temporaryDirectory();
    const before = `${directory.path}/before`;
    const storage = await openStorage(before, testOptions());
    const appends = Array.from(
      { length: 100 },
      (_, at) => storage.store.append(streamOf(`s-${at}`), { expectedVersion: 0, events: sampleEvents(1) }),
    );
    const closed = storage.close();
    assertEquals(new Set(await Promise.all(appends)), new Set(["applied"]));
    const late = () => storage.store.append(streamOf("late"), { expectedVersion: 0, events: sampleEvents(1) });
    await assertRejects(late, Unavailable);
    await closed;
    await assertRejects(() => storage.store.version(streamOf("s-1")), Unavailable);
    const after = `${directory.path}/after`;
    await Deno.rename(before, after);
    const again = await openStorage(after, testOptions());
    assertEquals((await again.log.backlog(null)).events, 100);
    await again.close();
  });
});
