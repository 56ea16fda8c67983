import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Breakable, openBreakable, type Shown } from "./breakable.ts";
import { COMPONENTS, type Line, SHOWN_BESIDE } from "./components.ts";
import { SseReader } from "../http/sse_reader.ts";
import { startService, temporaryDirectory } from "../service/service.ts";
import type { FaultKind } from "../contract/fault.ts";

const FAULT = /a fault|ended although nobody stopped it/;

for (const [name, line] of Object.entries(COMPONENTS)) {
  describe(`the component ${name}`, () => {
    it("that dies is started again", async () => {
      await using service = await openBreakable();
      const mend = await strike(service, name, "dies");
      await service.runtime.advance(12_000);
      await assertShown(service, name, { state: "running", restarts: 1, error: FAULT });
      await mend();
      await line.assertWorks(service);
      await assertShown(service, name, { state: "running", restarts: 1, error: FAULT });
    });

    it("that hangs is left behind, and may wake", async () => {
      await using service = await openBreakable();
      const mend = await strike(service, name, "hangs");
      await service.runtime.advance(115_000);
      const error = /It hangs: it has not moved for [69]0 s/;
      await assertShown(service, name, { state: "running", restarts: 1, error });
      await line.assertWorks(service);
      await mend();
      await line.assertWorks(service);
      await assertShown(service, name, { state: "running", restarts: 1, error });
    });

    it("that keeps failing is held back, and does its work once it is mended", async () => {
      await using service = await openBreakable();
      const mend = await strike(service, name, "storms");
      await service.runtime.advance(55_000);
      await assertShown(service, name, { state: "held_back", restarts: 10, error: FAULT, storms: 1 });
      await mend();
      await service.runtime.advance(61_000);
      await line.assertWorks(service);
      await assertShown(service, name, { state: "running", restarts: 10, error: FAULT, storms: 1 });
    });
  });
}

describe("a door", () => {
  it("is not taken for hung where one request has no answer and others have", async () => {
    await using service = await openBreakable();
    const mend = await strike(service, "public_door", "hangs");
    for (let minutes = 0; minutes < 10; minutes += 1) {
      await lineOf("public_door").assertWorks(service);
      await service.runtime.advance(60_000);
    }
    await assertUntouched(service);
    await mend();
  });

  it("is not taken for hung while it only tells who listens live, or nobody asks anything", async () => {
    await using service = await openBreakable();
    await service.rig.execute({ module: "counter", id: "a", body: { type: "Count", by: 1 } });
    const headers = { accept: "text/event-stream" };
    const live = await fetch(`${service.url("public_door")}/counters/a/events`, { headers });
    assertEquals(live.headers.get("content-type"), "text/event-stream");
    await service.runtime.advance(3_600_000);
    await assertUntouched(service);
    await live.body?.cancel();
    await service.runtime.advance(3_600_000);
    await assertUntouched(service);
  });
});

describe("the tree", () => {
  it("has no component of which nobody shows how it fails", async () => {
    await using service = await openBreakable();
    await lineOf("live_hub").provoke(service, "dies");
    assertEquals(leaves(await service.tree()).toSorted(), Object.keys(COMPONENTS).toSorted());
  });

  it("of the service that is started has none either, but more subscriptions of the same kind", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    await service.post("/accounts/a", { type: "OpenAccount", owner: "Alice", initial_balance: 1 });
    await using _ofStream = await SseReader.open(`${service.url}/accounts/a/events`);
    await using ofTopic = await SseReader.open(`${service.url}/topics/account-events?from=beginning`);
    await ofTopic.take(1);
    const { tree } = (await service.get("/health", { door: "operator" })).body;
    const { items } = (await service.get("/operations/subscriptions", { door: "operator" })).body;
    const subscriptions = (items as { subscription: string }[]).map(({ subscription }) => subscription);
    const shown = new Set([...Object.keys(COMPONENTS), ...Object.keys(SHOWN_BESIDE), ...subscriptions]);
    const found = leaves(tree as Shown);
    assertEquals([found.filter((name) => !shown.has(name)), found.includes("topic_bells")], [[], true]);
  });
});

function leaves({ children }: Shown): readonly string[] {
  return children.flatMap((branch) => branch.children.map(({ name }) => name));
}

async function strike(service: Breakable, name: string, kind: FaultKind): Promise<() => Promise<void>> {
  const fault = service.faultOf(name);
  fault.begin(kind);
  const provoked = lineOf(name).provoke(service, kind);
  await Promise.race([provoked, fault.met]);
  return async () => {
    fault.mend();
    await provoked;
    await service.runtime.advance(0);
  };
}

function lineOf(name: string): Line {
  const line = COMPONENTS[name];
  if (line === undefined) throw new Error(`expected a line for ${name}`);
  return line;
}

type Expected = {
  readonly state: string;
  readonly restarts: number;
  readonly error: RegExp;
  /** How often its branch was handed it; never, when left out. */
  readonly storms?: number;
};

/** The component is as expected, and nothing happened to any other. */
async function assertShown(
  service: Breakable,
  name: string,
  { state, restarts, error, storms = 0 }: Expected,
): Promise<void> {
  const root = await service.tree();
  const [broken, ...others] = flat(root).toSorted((one, other) =>
    Number(other.name === name) - Number(one.name === name)
  );
  assertEquals([broken?.name, broken?.state, broken?.restarts], [name, state, restarts]);
  assertMatch(broken?.last_error ?? "", error);
  for (const each of others) {
    const isParent = storms > 0 && each.children.some((child) => child.name === name);
    assertEquals([each.name, each.state, each.restarts], [each.name, "running", isParent ? storms : 0]);
    assertEquals(each.last_error?.startsWith(`${name}: `) ?? null, isParent ? true : null, each.name);
  }
}

async function assertUntouched(service: Breakable): Promise<void> {
  const restarted = flat(await service.tree()).filter(({ restarts }) => restarts > 0);
  assertEquals(restarted, []);
}

const flat = (component: Shown): Shown[] => [component, ...component.children.flatMap(flat)];
