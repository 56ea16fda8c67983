import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import { appendNext, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { openStorage, startStorageWorker } from "./storage.ts";
import { keptLog } from "../../tests/contract/surroundings.ts";
import { openTemporary, temporaryDirectory, testOptions } from "./test_storage.ts";
import { Thread } from "./thread.ts";

const MODEL = { incarnation: "sample_v1", indexes: {}, sources: "one" } as const;
const CHANGE = {
  documents: [{ key: "a", version: 1, document: { name: "a" } }],
  progress: { checkpoint: null, park: [], unpark: [] },
};

/** Workers that while told so die of the next write, and after that cannot open their file. */
function homelessWorkers() {
  const state = { isHomeless: false };
  const startWorker = (file: "events" | "views"): Worker => {
    const worker = startStorageWorker(file);
    const post = worker.postMessage.bind(worker);
    let isOpened = false;
    worker.postMessage = (message: object) => {
      if (!state.isHomeless) {
        isOpened = true;
        return post(message);
      }
      if ("open" in message) return post({ open: `${message.open}/nowhere/file.db` });
      post(isOpened ? { unheard: "of" } : message);
    };
    return worker;
  };
  return { state, startWorker };
}

describe("a file that cannot be opened again", () => {
  it("refuses each group as certainly not stored, until it can", async () => {
    const { state, startWorker } = homelessWorkers();
    const log = keptLog();
    await using storage = await openTemporary({ startWorker, log });
    const append = () => storage.store.append(streamOf("a"), { expectedVersion: 0, events: sampleEvents(1) });
    state.isHomeless = true;
    assertEquals(await append(), "unknown");
    for (let count = 0; count < 3; count++) await assertRejects(append, Unavailable, "its directory is there");
    state.isHomeless = false;
    assertEquals(await append(), "applied");
    const refused = log.lines.find(({ message }) => message === "Events could not be stored");
    assertEquals(Object.keys(refused?.fields ?? {}), ["kind", "reason"]);
  });

  it("refuses each change of a read model, until it can", async () => {
    const { state, startWorker } = homelessWorkers();
    const log = keptLog();
    await using storage = await openTemporary({ startWorker, log });
    await storage.readModels.prepare(MODEL);
    state.isHomeless = true;
    for (let count = 0; count < 4; count++) {
      await assertRejects(() => storage.readModels.write(MODEL, CHANGE), Unavailable);
    }
    state.isHomeless = false;
    await storage.readModels.write(MODEL, CHANGE);
    const deaths = log.lines.filter(({ message }) => message.includes("thread died"));
    assertEquals(deaths.length, 1);
  });

  it("is refused at the start with what to do", async () => {
    for (const file of ["events.db", "views.db"]) {
      await using directory = await temporaryDirectory();
      await Deno.mkdir(`${directory.path}/${file}`);
      const refusal = await assertRejects(() => openStorage(directory.path, testOptions()), StartError);
      assertStringIncludes(refusal.message, `${directory.path}/${file}`);
      assertStringIncludes(refusal.message, "check that its directory is there and may be written");
    }
  });
});

describe("the file of the events", () => {
  for (
    const [what, change] of [
      ["removed", (path: string) => Deno.rename(path, `${path}.old`)],
      ["replaced", async (path: string) => {
        await Deno.copyFile(path, `${path}.new`);
        await Deno.rename(`${path}.new`, path);
      }],
    ] as const
  ) {
    it(`that is ${what} under the service fails its health, which says what to do`, async () => {
      await using storage = await openTemporary();
      await appendNext(storage.store, streamOf("a"), sampleEvents(1));
      assertEquals(storage.health(), { status: "pass" });
      await change(`${storage.directory}/events.db`);
      const { status, reason = "" } = storage.health();
      assertEquals(status, "fail");
      assertStringIncludes(reason, `${storage.directory}/events.db was removed or replaced`);
      assertStringIncludes(reason, `rescue the file from /proc/${Deno.pid}/fd`);
    });
  }
});

describe("a write that does not come to an end", () => {
  for (const file of ["events", "views"] as const) {
    it(`to ${file}.db is told of after 5 s, and forgotten once it has`, async () => {
      let nowMs = 1_000;
      let release: (() => void) | undefined;
      const startWorker = (started: "events" | "views"): Worker => {
        const worker = startStorageWorker(started);
        const post = worker.postMessage.bind(worker);
        worker.postMessage = (message: object) => {
          const isHeld = started === file && ("group" in message || "write" in message);
          if (isHeld) release = () => post(message);
          else post(message);
        };
        return worker;
      };
      await using storage = await openTemporary({ startWorker, runtime: { monotonicMs: () => nowMs } });
      await storage.readModels.prepare(MODEL);
      nowMs += 60_000;
      const written = file === "events"
        ? appendNext(storage.store, streamOf("a"), sampleEvents(1))
        : storage.readModels.write(MODEL, CHANGE);
      while (release === undefined) await Promise.resolve();
      nowMs += 4_999;
      assertEquals(storage.health(), { status: "pass" });
      nowMs += 2_001;
      const { status, reason = "" } = storage.health();
      assertEquals(status, "warn");
      assertStringIncludes(reason, `a write to ${storage.directory}/${file}.db has taken 7 s`);
      release();
      await written;
      assertEquals(storage.health(), { status: "pass" });
    });
  }
});

describe("a message that cannot be sent to a thread", () => {
  it("costs no other caller its answer", async () => {
    const thread = new Thread({ ...testOptions(), name: "events", start: () => startStorageWorker("events") });
    assertThrows(() => thread.call(() => {}), DOMException);
    assertEquals(await thread.call({ close: true }), { closed: true });
    thread.terminate();
  });
});
