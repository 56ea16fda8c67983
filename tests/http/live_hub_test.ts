import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { sourceFrom } from "../../core/engine/log_source.ts";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { type Listener, LiveHub } from "../../plugins/http/live_hub.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { appendNext, sampleEvents, streamOf } from "../contract/samples.ts";
import { keptLog, openBranch, until } from "../contract/surroundings.ts";

describe("the hub of live readers", () => {
  it("tells each what is new in its stream, as one text for all of them", async () => {
    const { hub, append, opened, texts } = rig();
    const [one, two, other] = [listener(), listener(), listener()];
    for (const [id, each] of [["a", one], ["a", two], ["b", other]] as const) hub.join(streamOf(id), each);
    await other.looked(1);
    await append("a", 3);
    assertEquals([await one.told(3), await two.told(3)], ["1,2,3", "1,2,3"]);
    await append("b", 1);
    assertEquals([await other.told(1), one.numbers.length], ["1", 3]);
    assertEquals([opened.length, texts], [1, ["1,2,3", "1"]]);
    for (const [stream, each] of [["a", one], ["a", two], ["b", other]] as const) hub.leave(streamOf(stream), each);
  });

  it("begins at the head, not with what was before", async () => {
    const { hub, append } = rig();
    await append("a", 5);
    const late = listener();
    hub.join(streamOf("a"), late);
    await late.looked(1);
    await append("a", 1);
    assertEquals(await late.told(1), "6");
    hub.leave(streamOf("a"), late);
  });

  it("reads only while there is somebody to tell, and again when there is", async () => {
    const { hub, append, opened, signals } = rig();
    for (const round of [1, 2]) {
      const [one, two] = [listener(), listener()];
      for (const each of [one, two]) hub.join(streamOf("a"), each);
      await two.looked(1);
      await append("a", 1);
      await one.told(1);
      hub.leave(streamOf("a"), one);
      assertEquals(signals.at(-1)?.aborted, false);
      hub.leave(streamOf("a"), two);
      assertEquals([signals.at(-1)?.aborted, opened.length], [true, round]);
    }
  });

  it("goes on behind an outage, and has all look for what happened in it", async () => {
    const { hub, append, faults } = rig();
    const one = listener();
    faults.head = new Unavailable("away");
    hub.join(streamOf("a"), one);
    delete faults.head;
    faults.changes = new Unavailable("away");
    await one.looked(2);
    await append("a", 2);
    assertEquals(await one.told(2), "1,2");
    hub.leave(streamOf("a"), one);
  });
});

function rig() {
  const { store, log } = createMemoryStorage();
  const faults: { head?: Error; changes?: Error } = {};
  const opened: string[] = [];
  const signals: AbortSignal[] = [];
  const texts: string[] = [];
  const watched: ChangeLog = {
    ...log,
    async head() {
      if (faults.head !== undefined) throw faults.head;
      return await log.head();
    },
    async *changes(options) {
      const fault = faults.changes;
      delete faults.changes;
      if (fault !== undefined) throw fault;
      opened.push("changes");
      signals.push(options.signal);
      yield* log.changes(options);
    },
  };
  const hub = new LiveHub({
    source: sourceFrom(watched),
    eventTypes: new Set(["Counted"]),
    runtime: systemRuntime,
    branch: openBranch({ runtime: systemRuntime, log: keptLog() }),
    toText(events) {
      const text = events.map(({ sequenceNumber }) => sequenceNumber).join();
      texts.push(text);
      return text;
    },
  });
  const append = (id: string, count: number) => appendNext(store, streamOf(id), sampleEvents(count));
  return { hub, append, faults, opened, signals, texts };
}

/** Keeps what it is offered. */
function listener() {
  const numbers: string[] = [];
  let looks = 0;
  const listener: Listener = {
    offer: ({ text }) => void numbers.push(...text().split(",")),
    lookAgain: () => void (looks += 1),
  };
  return {
    ...listener,
    numbers,
    /** Resolves once it was told to look so often. */
    looked: (count: number) => until(() => looks >= count),
    async told(count: number): Promise<string> {
      await until(() => numbers.length >= count);
      return numbers.join();
    },
  };
}
