import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { DocumentWrite, ReadModel, ReadModels } from "../../core/ports/read_models.ts";
import { NO_PROGRESS, readModel } from "../../tests/contract/read_model_samples.ts";
import { CqlError, type CqlSession } from "./session.ts";
import { openTestReadModels } from "./test_read_models.ts";

type Step = "before" | "after";

/** The session, but one write fails: before it is sent, or when it has been done. */
function failingAt(session: CqlSession, { write, when }: { readonly write: number; readonly when: Step }): CqlSession {
  let left = write;
  const failing = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left-- !== 0) return await work();
    if (when === "after") await work();
    throw new CqlError("unknown", "the process ended here");
  };
  return {
    ...session,
    execute: (statement, options) =>
      isWrite(statement.cql) ? failing(() => session.execute(statement, options)) : session.execute(statement, options),
    batch: (statements) => failing(() => session.batch(statements)),
  };
}

/** The session, but writes wait until they are let go, in the order they were made. */
function holding(session: CqlSession) {
  const let_ = Promise.withResolvers<void>();
  return {
    session: {
      ...session,
      async execute(statement, options) {
        if (isWrite(statement.cql)) await let_.promise;
        return await session.execute(statement, options);
      },
    } satisfies CqlSession,
    letGo: () => let_.resolve(),
  };
}

function isWrite(cql: string): boolean {
  return !cql.startsWith("SELECT");
}

async function statusLists(readModels: ReadModels, model: ReadModel) {
  const listed: Record<string, string[]> = {};
  for (const value of ["open", "closed"]) {
    const { items } = await readModels.find(model, { where: { index: "by_status", value }, limit: 10 });
    listed[value] = items.map(({ key, version }) => `${key}@${version}`);
  }
  return listed;
}

const OPEN = { version: 1, document: { status: "open" } };
const CLOSED = { version: 2, document: { status: "closed" } };
const put = (readModels: ReadModels, model: ReadModel, ...documents: DocumentWrite[]) =>
  readModels.write(model, { documents, progress: NO_PROGRESS });

describe("a process that ends in the middle of a write", () => {
  for (const sources of ["one", "many"] as const) {
    for (const when of ["before", "after"] as const) {
      it(`leaves every document of ${sources} in its list, and another one goes on (${when} each step)`, async () => {
        await using opened = await openTestReadModels();
        let ended = true;
        for (let write = 0; ended; write++) {
          const named = opened.copy();
          const model = readModel(`crash_${write}`, sources);
          await named.prepare(model);
          await put(named, model, { key: "a", ...OPEN, shown: new Map([["counter/a", 1]]) });
          const dying = opened.copy(failingAt(opened.session, { write, when }));
          await dying.prepare(model);
          const change = { key: "a", ...CLOSED, before: OPEN, shown: new Map([["counter/a", 2]]) };
          ended = await put(dying, model, change).then((outcome) => outcome === "moved", () => true);
          const isClosed = (await named.get(model, ["a"])).get("a")?.version === 2;
          assertEquals(
            await statusLists(named, model),
            isClosed ? { open: [], closed: ["a@2"] } : { open: ["a@1"], closed: [] },
          );
          const known = (await named.known(model, ["a"], { streamsOf: () => new Set(["counter/a"]) })).get("a");
          if (known?.version === 1) assertEquals(await put(named, model, { ...change, before: known }), "written");
          assertEquals(await statusLists(named, model), { open: [], closed: ["a@2"] });
        }
      });
    }
  }
});

describe("a write that comes late", () => {
  it("changes nothing, neither the document nor its lists, whatever the newer one knew of it", async () => {
    await using opened = await openTestReadModels();
    const { readModels, session } = opened;
    const model = readModel("late");
    await readModels.prepare(model);
    await put(readModels, model, { key: "a", ...OPEN });
    const held = holding(session);
    const late = opened.copy(held.session);
    await late.prepare(model);
    const paused = put(late, model, { key: "a", ...CLOSED, before: OPEN });
    // The events that the paused one was about, and the next one, in one page: it is open again.
    await put(readModels, model, { key: "a", version: 3, document: { status: "open" }, before: OPEN });
    held.letGo();
    assertEquals(await paused, "written");
    assertEquals((await readModels.get(model, ["a"])).get("a")?.version, 3);
    assertEquals(await statusLists(readModels, model), { open: ["a@3"], closed: [] });
  });

  it("does not bring back a removed document", async () => {
    await using opened = await openTestReadModels();
    const { readModels } = opened;
    const model = readModel("removed");
    await readModels.prepare(model);
    await put(readModels, model, { key: "a", ...OPEN });
    await put(readModels, model, { key: "a", version: 3, document: undefined });
    assertEquals((await readModels.known(model, ["a"])).get("a")?.version, 3);
    await put(readModels, model, { key: "a", ...CLOSED, before: OPEN });
    await put(readModels, model, { key: "a", ...CLOSED });
    assertEquals((await readModels.get(model, ["a"])).size, 0);
    assertEquals(await statusLists(readModels, model), { open: [], closed: [] });
    assertEquals((await readModels.find(model, { limit: 10 })).items, []);
  });
});
