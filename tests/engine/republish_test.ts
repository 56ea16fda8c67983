import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { topicsOf } from "../../core/engine/publication.ts";
import { createRegistry } from "../../core/engine/registry.ts";
import { republish, type Republished, type Selection } from "../../core/engine/republish.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { checkpointNow, NO_PROGRESS, parkedOf } from "../contract/read_model_samples.ts";
import { appendNext, sampleEvent, streamOf } from "../contract/samples.ts";
import { counter } from "./counter.ts";
import { MemorySender } from "./memory_sender.ts";
import { found } from "./rig.ts";

const STREAMS = Array.from({ length: 230 }, (_, at) => `c-${at}`);

describe("republishing", () => {
  it("sends all of it again, each aggregate in order, with the ids that were sent before", async () => {
    const opened = await open();
    const reports = await opened.republish({});
    assertEquals(reports.map(({ sent }) => sent), [300, 600, 690]);
    for (const id of STREAMS) assertEquals(opened.sender.firsts(id), [1, 2, 3]);
    const ids = opened.sender.stored.map(({ headers }) => headers.ce_id);
    const [first] = await opened.storage.store.read(streamOf("c-0"), { after: 0, limit: 1 });
    assertEquals([new Set(ids).size, ids[0]], [690, first?.eventId]);
  });

  it("sends what fits an aggregate, a module and a range of time", async () => {
    const opened = await open();
    await opened.republish({ stream: streamOf("c-7") });
    assertEquals(opened.sender.stored.map(({ key }) => key), ["c-7", "c-7", "c-7"]);
    assertEquals((await opened.republish({ modules: new Set(["other"]) })).at(-1)?.sent, 0);
    const range = { from: "2026-11-21T10:00:02.000Z", to: "2026-11-21T10:00:03.000Z" };
    assertEquals((await opened.republish(range)).at(-1)?.sent, 230);
    assertEquals(opened.sender.firsts("c-8"), [2]);
    assertEquals((await opened.republish({ to: "2026-11-21T10:00:03.000Z" })).at(-1)?.sent, 460);
  });

  it("leaves what was never published to the publisher", async () => {
    const opened = await open();
    const { storage: { store, checkpoints } } = opened;
    await appendNext(store, streamOf("c-1"), [sampleEvent()]);
    await checkpoints.commit("publisher", { ...NO_PROGRESS, park: [parkedOf("c-2", { from: 2, through: 3 })] });
    await opened.republish({});
    assertEquals(opened.sender.firsts("c-1"), [1, 2, 3]);
    assertEquals(opened.sender.firsts("c-2"), [1]);
    assertEquals(opened.sender.stored.length, 688);
  });

  it("goes on from a place that it told, after a broker that went away", async () => {
    const opened = await open();
    const reports: Republished[] = [];
    await assertRejects(() =>
      opened.republish({}, (report) => {
        reports.push(report);
        opened.sender.outages = 1;
      }), Unavailable);
    assertEquals(reports.map(({ sent }) => sent), [300]);
    const [{ place: after } = { place: null }] = reports;
    await opened.republish({ after: after ?? "" });
    for (const id of STREAMS) assertEquals(opened.sender.firsts(id), [1, 2, 3]);
    assertEquals(opened.sender.stored.length, 690);
  });

  it("counts what the broker takes no more", async () => {
    const opened = await open();
    opened.sender.refuses = ({ key, headers }) => key === "c-3" && headers.ce_sequence === "2";
    assertEquals((await opened.republish({})).at(-1), { sent: 688, refused: 2, place: "230" });
  });
});

/** Three events of each stream, a second apart, all of them published. */
async function open() {
  const storage = createMemoryStorage();
  const sender = new MemorySender();
  for (let second = 1; second <= 3; second++) {
    const timestamp = `2026-11-21T10:00:0${second}.000Z`;
    for (const id of STREAMS) await appendNext(storage.store, streamOf(id), [sampleEvent({ timestamp })]);
  }
  const checkpoint = await checkpointNow(storage.log);
  await storage.checkpoints.commit("publisher", { ...NO_PROGRESS, checkpoint });
  const topics = topicsOf(createRegistry([found(counter)]), { source: "/annals" });
  const parts = {
    ...{ sender, store: storage.store, streamList: storage.streamList, progress: storage.checkpoints.progress },
    topics: new Map([...topics.values()].map((topic) => [topic.served.module.name, topic])),
  };
  return {
    ...{ storage, sender },
    async republish(selection: Selection, onReport: (report: Republished) => void = () => {}) {
      const reports: Republished[] = [];
      for await (const report of republish(parts, selection)) {
        reports.push(report);
        onReport(report);
      }
      return reports;
    },
  };
}
