import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fencesOf, readReadme } from "./readme.ts";
import {
  assertProblem,
  assertStatus,
  header,
  seeing,
  type Service,
  startService,
  temporaryDirectory,
} from "./service.ts";

describe("the README's new aggregate", () => {
  it("is served from a folder, with nothing else configured", async () => {
    await using directory = await temporaryDirectory();
    const modules = await writeTicket(directory.path);
    await using service = await startService({ directory: directory.path, modules });
    const { body } = await openAndClose(service);
    await refuses(service);
    await shows(service, String(body.id));
  });
});

/** The blocks `ts ignore modules/ticket/<file>.ts`, as files. */
async function writeTicket(directory: string): Promise<string> {
  const section = (await readReadme()).section("A new aggregate in one folder");
  const files: string[] = [];
  for (const { info, code } of fencesOf(section)) {
    const [, path] = /^ts ignore (modules\/ticket\/[a-z]+\.ts)$/.exec(info) ?? [];
    if (path === undefined) continue;
    files.push(path);
    await Deno.mkdir(`${directory}/modules/ticket`, { recursive: true });
    await Deno.writeTextFile(`${directory}/${path}`, code);
  }
  const names = ["commands", "decider", "events", "mod", "projections", "state"];
  assertEquals(files.sort(), names.map((name) => `modules/ticket/${name}.ts`), "the files of the README's aggregate");
  return `${directory}/modules`;
}

async function openAndClose(service: Service) {
  const opened = assertStatus(await service.post("/tickets", { type: "OpenTicket", title: "Leaking tap" }), 201);
  const path = header(opened, "location");
  assertEquals(path, `/tickets/${opened.body.id}`);
  const shown = await service.get(path);
  assertEquals(shown.body, { id: opened.body.id, version: 1, status: "Open", title: "Leaking tap" });
  const closed = assertStatus(await service.post(path, { type: "CloseTicket" }), 200);
  assertEquals(closed.body.version, 2);
  const again = assertStatus(await service.post(path, { type: "CloseTicket" }), 200);
  assertEquals([again.body.version, again.body.events], [2, []], "closing a closed ticket changes nothing");
  assertEquals((await service.get(path)).body.status, "Closed");
  const { items } = (await service.get(`${path}/events`)).body;
  assert(Array.isArray(items));
  assertEquals(items.map((event) => event.event_type), ["TicketOpened", "TicketClosed"]);
  return closed;
}

async function refuses(service: Service): Promise<void> {
  const untitled = await service.post("/tickets/t-1", { type: "OpenTicket", title: "  " });
  assertProblem(untitled, 422, "ticket/empty_title");
  assertProblem(await service.post("/tickets/t-1", { type: "CloseTicket" }), 422, "ticket/not_opened");
  assertProblem(await service.post("/tickets/t-1", { type: "OpenTicket" }), 422, "invalid_body");
  const page = assertStatus(await service.get(String(untitled.body.type)), 200);
  assertStringIncludes(header(page, "content-type"), "text/html");
  assertStringIncludes(page.text, "A ticket needs a title");
}

async function shows(service: Service, closedId: string): Promise<void> {
  const opened = await service.post("/tickets/t-2", { type: "OpenTicket", title: "Dark stairs" });
  const { timestamp, title } = await firstEvent(service, "t-2");
  const list = async (status: string) => {
    const answer = await service.get(`/views/ticket_list?status=${status}`, { headers: seeing(opened) });
    const { items } = assertStatus(answer, 200).body;
    assert(Array.isArray(items));
    return items;
  };
  assertEquals(await list("Open"), [{ id: "t-2", version: 1, title, status: "Open", opened_at: timestamp }]);
  assertEquals((await list("Closed")).map((item) => [item.id, item.version]), [[closedId, 2]]);
}

async function firstEvent(service: Service, id: string): Promise<{ timestamp: unknown; title: unknown }> {
  const { items } = (await service.get(`/tickets/${id}/events`)).body;
  assert(Array.isArray(items));
  return { timestamp: items[0]?.timestamp, title: items[0]?.event_data?.title };
}
