import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readView } from "../service/replay.ts";
import { header, type Service, startService, temporaryDirectory } from "../service/service.ts";
import { clientOf, freshKeyspace } from "./keyspace.ts";
import { copyOn } from "./stores.ts";

const NOTES = 60;

describe("a projection that is new on an old store", () => {
  it("shows all events, though nothing of them is announced any more, and what comes meanwhile", async () => {
    await using directory = await temporaryDirectory();
    await using keyspace = await freshKeyspace("projection");
    const modules = `${directory.path}/modules`;
    const tokens: string[] = [];
    await writeNotes(modules, ["note_list"]);
    {
      await using service = await start(keyspace.name, modules);
      for (let at = 0; at < NOTES; at += 1) tokens.push(await write(service, `note-${at}`, "old"));
      assertEquals((await readView(service, "note_list", tokens)).size, NOTES);
      assertEquals((await service.end("SIGTERM")).code, 0);
    }
    await expireAnnouncements(keyspace.name);
    await writeNotes(modules, ["note_list", "note_archive"]);
    await using service = await start(keyspace.name, modules);
    for (let at = 0; at < NOTES; at += 2) tokens.push(await write(service, `note-${at}`, "new"));
    for (const view of ["note_list", "note_archive"]) {
      const shown = await readView(service, view, tokens);
      const texts = Array.from({ length: NOTES }, (_, at) => shown.get(`note-${at}`)?.text);
      assertEquals(texts, Array.from({ length: NOTES }, (_, at) => at % 2 === 0 ? "new" : "old"), view);
    }
  });
});

function start(keyspace: string, modules: string): Promise<Service> {
  return startService({ ...copyOn(keyspace), modules });
}

/** Gives the token of the write. */
async function write(service: Service, id: string, text: string): Promise<string> {
  const answer = await service.post(`/notes/${id}`, { type: "Write", text });
  assert(answer.status === 200 || answer.status === 201, answer.text);
  return header(answer, "consistency-token");
}

async function expireAnnouncements(keyspace: string): Promise<void> {
  const client = clientOf(keyspace);
  try {
    await client.execute("TRUNCATE outbox_messages");
  } finally {
    await client.shutdown();
  }
}

async function writeNotes(modules: string, views: readonly string[]): Promise<void> {
  await Deno.mkdir(`${modules}/note`, { recursive: true });
  const projections = views.map((name) =>
    `defineProjection({
      name: "${name}", version: 1, events, document: z.strictObject({ text }),
      on: { Written: (_, { text }) => ({ text }) },
    })`
  );
  await Deno.writeTextFile(
    `${modules}/note/mod.ts`,
    `import { defineModule, defineProjection } from "annals";
    import { z } from "zod";
    const text = z.string();
    const events = { Written: z.strictObject({ text }) };
    export default defineModule({
      name: "note", path: "notes", id: "text", commands: { Write: z.strictObject({ text }) }, events, rejections: {},
      state: z.strictObject({ text }), creates: ["Write"], projections: [${projections.join(", ")}],
      decider: {
        initialState: { text: "" },
        decide: ({ text }) => [{ type: "Written", text }],
        evolve: (_, { text }) => ({ text }),
      },
    });`,
  );
}
