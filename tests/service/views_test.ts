import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { printedSeed } from "./chance.ts";
import { Journal } from "./journal.ts";
import { assertAllTrue, readView } from "./replay.ts";
import {
  assertProblem,
  assertStatus,
  header,
  seeing,
  type Service,
  startService,
  temporaryDirectory,
} from "./service.ts";
import { Writers } from "./writers.ts";

describe("views.db deleted while the service is stopped", () => {
  it("is made anew from the events", async () => {
    const seed = printedSeed("views_test");
    await using directory = await temporaryDirectory();
    const journal = new Journal();
    {
      await using service = await startService({ directory: directory.path });
      const writers = new Writers(journal, { seed, count: 8 });
      await writers.write(service, () => journal.entries.length >= 1500);
      assertEquals((await service.end("SIGTERM")).code, 0);
    }
    for (const suffix of ["", "-wal", "-shm"]) await removeIfThere(`${directory.path}/store/views.db${suffix}`);
    await using service = await startService({ directory: directory.path });
    await assertAllTrue(service, journal);
  });
});

describe("a projection that throws on an event of one aggregate", () => {
  it("parks that aggregate, no other, and is made anew once mended under a new version", async () => {
    await using directory = await temporaryDirectory();
    const modules = `${directory.path}/modules`;
    await writeNotes(modules, { version: 1, poisoned: true });
    let parked = "";
    {
      await using service = await startService({ directory: directory.path, modules });
      parked = await poison(service);
      await assertParked(service, parked);
      assertEquals((await service.end("SIGTERM")).code, 0);
    }
    {
      await using service = await startService({ directory: directory.path, modules });
      await assertParked(service, parked);
    }
    await writeNotes(modules, { version: 2, poisoned: false });
    await using service = await startService({ directory: directory.path, modules });
    const view = await readView(service, "note_list", [parked]);
    assertEquals(Object.fromEntries([...view].map(([id, { text, version }]) => [id, [text, version]])), {
      bad: ["after", 3],
      before: ["fine", 1],
      good: ["fine, too", 2],
    });
    const ready = assertStatus(await service.get("/readyz"), 200);
    assertEquals(ready.body.status, "pass");
  });
});

/** Writes to aggregates around a poisoned one, and gives the token of the poisoned one's last write. */
async function poison(service: Service): Promise<string> {
  await write(service, "before", "fine");
  await write(service, "good", "fine");
  await write(service, "bad", "fine");
  await write(service, "bad", "poison");
  const behind = await write(service, "bad", "after");
  const good = await write(service, "good", "fine, too");
  const shown = assertStatus(await service.get("/views/note_list/good", { headers: seeing(good) }), 200);
  assertEquals([shown.body.text, shown.body.version], ["fine, too", 2]);
  return header(behind, "consistency-token");
}

/** Commands and histories go on; who waits for the view is told at once, long before the time it would wait. */
async function assertParked(service: Service, token: string): Promise<void> {
  const headers = { "consistency-token": token, prefer: "wait=30" };
  const startedMs = performance.now();
  const answer = await service.get("/views/note_list/bad", { headers });
  assertProblem(answer, 503, "view_parked");
  header(answer, "retry-after");
  assertLess(performance.now() - startedMs, 5_000, "the time until view_parked");
  const stale = assertStatus(await service.get("/views/note_list/bad"), 200);
  assertEquals([stale.body.text, stale.body.version], ["fine", 1]);
  assertEquals((await service.get("/notes/bad")).body.version, 3);
  const ready = assertStatus(await service.get("/readyz", { door: "operator" }), 200);
  assertEquals(ready.body.status, "warn");
  assert(ready.text.includes("note_list_v1 has parked 1 aggregates: deno task dlq list says why"), ready.text);
}

async function write(service: Service, id: string, text: string) {
  const answer = await service.post(`/notes/${id}`, { type: "Write", text });
  assert(answer.status === 200 || answer.status === 201, answer.text);
  return answer;
}

async function writeNotes(modules: string, { version, poisoned }: { version: number; poisoned: boolean }) {
  const guard = poisoned ? 'if (text === "poison") throw new Error("poison");' : "";
  await Deno.mkdir(`${modules}/note`, { recursive: true });
  await Deno.writeTextFile(
    `${modules}/note/mod.ts`,
    `import { defineModule, defineProjection } from "annals";
    import { z } from "zod";
    const text = z.string();
    const events = { Written: z.strictObject({ text }) };
    const list = defineProjection({
      name: "note_list", version: ${version}, events, document: z.strictObject({ text }),
      on: { Written: (_, { text }) => { ${guard} return { text }; } },
    });
    export default defineModule({
      name: "note", path: "notes", id: "text", commands: { Write: z.strictObject({ text }) }, events, rejections: {},
      state: z.strictObject({ text }), creates: ["Write"], projections: [list],
      decider: {
        initialState: { text: "" },
        decide: ({ text }) => [{ type: "Written", text }],
        evolve: (_, { text }) => ({ text }),
      },
    });`,
  );
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
