import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import { checkpointNow } from "../../tests/contract/read_model_samples.ts";
import { appendNext, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { openStorage } from "./storage.ts";
import { keptLog } from "../../tests/contract/surroundings.ts";
import { temporaryDirectory, testOptions } from "./test_storage.ts";

const MODEL = { incarnation: "sample_v1", indexes: {}, sources: "one" } as const;
const KEPT = { key: "a", version: 1, document: { name: "a" } };

describe("views.db", () => {
  it("keeps documents and progress from one start to the next", async () => {
    await using directory = await temporaryDirectory();
    const checkpoint = await fill(directory.path);
    assertEquals(await look(directory.path), { checkpoint, documents: 1 });
  });

  it("may be deleted while the service is stopped: everything is made from the first event on", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    for (const suffix of ["", "-wal", "-shm"]) await Deno.remove(`${directory.path}/views.db${suffix}`);
    assertEquals(await look(directory.path), { checkpoint: null, documents: 0 });
  });

  it("may be deleted alone, with its log left behind", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    await Deno.remove(`${directory.path}/views.db`);
    assertEquals(await look(directory.path), { checkpoint: null, documents: 0 });
  });

  it("starts anew after events.db was replaced by an older copy", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    const older = await Deno.readFile(`${directory.path}/events.db`);
    await fill(directory.path);
    await restore(directory.path, older);
    const log = keptLog();
    assertEquals(await look(directory.path, log), { checkpoint: null, documents: 0 });
    assert(log.lines.some(({ level }) => level === "warn"));
  });

  it("starts anew after an older copy went its own way beyond the checkpoint", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    const older = await Deno.readFile(`${directory.path}/events.db`);
    await fill(directory.path);
    const views = await Deno.readFile(`${directory.path}/views.db`);
    await restore(directory.path, older);
    await fill(directory.path, 5);
    for (const suffix of ["-wal", "-shm"]) await Deno.remove(`${directory.path}/views.db${suffix}`);
    await Deno.writeFile(`${directory.path}/views.db`, views);
    assertEquals(await look(directory.path), { checkpoint: null, documents: 0 });
  });

  it("that is damaged is refused with what to do", async () => {
    await using directory = await temporaryDirectory();
    await fill(directory.path);
    await Deno.writeTextFile(`${directory.path}/views.db`, "not a database ".repeat(1_000));
    const refusal = await assertRejects(() => openStorage(directory.path, testOptions()), StartError);
    assertStringIncludes(refusal.message, "views.db");
    assertStringIncludes(refusal.message, "delete");
  });
});

/** Appends some events, has the read model pass them, and stops. */
async function fill(directory: string, events = 3): Promise<string> {
  const storage = await openStorage(directory, testOptions());
  await appendNext(storage.store, streamOf("a"), sampleEvents(events));
  const checkpoint = await checkpointNow(storage.log);
  await storage.readModels.prepare(MODEL);
  await storage.readModels.write(MODEL, { documents: [KEPT], progress: { checkpoint, park: [], unpark: [] } });
  await storage.close();
  return checkpoint;
}

async function look(directory: string, log = keptLog()) {
  const storage = await openStorage(directory, { ...testOptions(), log });
  await storage.readModels.prepare(MODEL);
  const { checkpoint } = await storage.readModels.progress.load(MODEL.incarnation);
  const documents = (await storage.readModels.get(MODEL, ["a"])).size;
  await storage.close();
  return { checkpoint, documents };
}

async function restore(directory: string, events: Uint8Array): Promise<void> {
  for (const suffix of ["-wal", "-shm"]) await Deno.remove(`${directory}/events.db${suffix}`);
  await Deno.writeFile(`${directory}/events.db`, events);
}
