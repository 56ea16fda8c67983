import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import {
  type Answer,
  assertStatus,
  seeing,
  type Service,
  startService,
  temporaryDirectory,
} from "../service/service.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";
import { SLICES, slicesOf } from "./slices.ts";

const VIEW = "tally_list";
const SUBSCRIPTION = `${VIEW}_v1`;
const LETTERS = "/operations/dead-letters";
const REDRIVE = `${LETTERS}/redrive`;
const SUBSCRIPTIONS = "/operations/subscriptions";
/** Enough that each of two copies has several of them. */
const IDS = Array.from({ length: 16 }, (_, at) => `tally-${at}`);
/** Slow enough that half of the aggregates are far from done when the first one is. */
const SLOWLY_PER_SECOND = 0.5;
const DONE_WITHIN_MS = 180_000;

describe("what a subscription has parked on one cluster store", () => {
  it("is redriven, and the subscription held and let go, whichever copy is asked", async () => {
    await using tallies = await brokenTallies();
    await using serving = await tallies.start({ ROLES: "serve" });
    await using feeding = await tallies.start();
    await park(serving);
    await tallies.mend();
    await redrive(serving, { per_second: 1_000 });
    const { recovered, failed_again } = (await progressWhen(serving, ({ running }) => !running)).redrive;
    assertEquals({ recovered, failed_again }, { recovered: IDS.length, failed_again: 0 });
    assertEquals(await progressOf(feeding), await progressOf(serving));
    await assertShown(serving, [1, 13, 3]);

    await ask(feeding, `${SUBSCRIPTIONS}/pause`, { subscription: SUBSCRIPTION, reason: "a deploy", by: "ada" });
    for (const copy of [serving, feeding]) assertEquals(await pausedBy(copy), "ada");
    await until(async () => (await feeding.get("/readyz", OPERATOR)).text.includes(`${SUBSCRIPTION} waits: paused`));
    const held = await count(serving, "tally-0", 4);
    const soon = { ...seeing(held), prefer: "wait=1" };
    assertStatus(await serving.get(`/views/${VIEW}/tally-0`, { headers: soon }), 503);
    await ask(serving, `${SUBSCRIPTIONS}/resume`, { subscription: SUBSCRIPTION, by: "bob" });
    for (const copy of [serving, feeding]) assertEquals(await pausedBy(copy), undefined);
    assertEquals((await serving.get(`/views/${VIEW}/tally-0`, { headers: seeing(held) })).body.came, [1, 13, 3, 4]);
    const { body: { items } } = await feeding.get("/operations/audit", OPERATOR);
    assertEquals((items as { request: string }[]).map(({ request }) => request), [
      "$redrive_requested",
      "$subscription_paused",
      "$subscription_resumed",
    ]);
  });

  it("is redriven to the end by another copy when its owner is killed in the middle, in order and once", async () => {
    await using tallies = await brokenTallies();
    await using serving = await tallies.start({ ROLES: "serve" });
    await using owner = await tallies.start();
    await using other = await tallies.start();
    await until(() => [owner, other].every((copy) => slicesOf(copy) === SLICES / 2));
    await park(serving);
    await tallies.mend();
    await redrive(serving, { per_second: SLOWLY_PER_SECOND });
    await countAll(serving, 4);
    await progressWhen(serving, ({ redrive }) => redrive.recovered > 0);
    assertEquals((await owner.end("SIGKILL")).signal, "SIGKILL");
    const { waiting, recovered } = (await progressOf(serving)).redrive;
    assertLess(recovered, IDS.length / 2, `expected some of each copy's to wait, found ${waiting} waiting`);
    await countAll(serving, 5);
    const ended = await progressWhen(serving, ({ running }) => !running);
    assertEquals([ended.redrive.recovered, ended.redrive.failed_again], [IDS.length, 0]);
    assertEquals(await progressOf(other), ended);
    await assertShown(serving, [1, 13, 3, 4, 5]);
    assertEquals(await lettersOf(serving), []);
  });
});

const OPERATOR = { door: "operator" } as const;

/** A keyspace for copies of a service with one view, which fails on 13 until it is mended. */
async function brokenTallies() {
  await using starting = new AsyncDisposableStack();
  const { path } = starting.use(await temporaryDirectory());
  const { name } = starting.use(await freshKeyspace("letters"));
  const modules = `${path}/modules`;
  await Deno.mkdir(`${modules}/tally`, { recursive: true });
  await Deno.writeTextFile(`${modules}/tally/mod.ts`, TALLY);
  await Deno.writeTextFile(`${modules}/tally/broken`, "");
  const all = starting.move();
  return {
    start(environment: Readonly<Record<string, string>> = {}): Promise<Service> {
      const variables = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: name, ...environment };
      return startService({ directory: path, task: "start:cluster", modules, environment: variables });
    },
    mend: () => Deno.remove(`${modules}/tally/broken`),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Its view shows the order in which its events came. */
const TALLY = `import { defineModule, defineProjection } from "annals";
  import { z } from "zod";
  const by = z.number();
  const events = { Counted: z.strictObject({ by }) };
  function isBroken() {
    try {
      return Deno.statSync(new URL("./broken", import.meta.url)).isFile;
    } catch {
      return false;
    }
  }
  const list = defineProjection({
    name: "${VIEW}", version: 1, events, document: z.strictObject({ came: z.array(by) }),
    on: {
      Counted(document = { came: [] }, { by }) {
        if (by === 13 && isBroken()) throw new Error("broken on purpose");
        return { came: [...document.came, by] };
      },
    },
  });
  export default defineModule({
    name: "tally", path: "tallies", id: "text", commands: { Count: z.strictObject({ by }) }, events, rejections: {},
    state: z.strictObject({ by }), creates: ["Count"], projections: [list],
    decider: {
      initialState: { by: 0 },
      decide: ({ by }) => [{ type: "Counted", by }],
      evolve: (_, { by }) => ({ by }),
    },
  });`;

/** Every aggregate stands at its second event, and has one behind it. */
async function park(copy: Service): Promise<void> {
  for (const by of [1, 13, 3]) await countAll(copy, by);
  await until(async () => {
    const letters = await lettersOf(copy);
    return letters.filter(({ state, events_behind }) => state === "given_up" && events_behind === 1).length ===
      IDS.length;
  }, DONE_WITHIN_MS);
}

async function countAll(copy: Service, by: number): Promise<void> {
  await Promise.all(IDS.map((id) => count(copy, id, by)));
}

async function count(copy: Service, id: string, by: number): Promise<Answer> {
  const answer = await copy.post(`/tallies/${id}`, { type: "Count", by });
  assert(answer.status === 200 || answer.status === 201, answer.text);
  return answer;
}

async function assertShown(copy: Service, came: readonly number[]): Promise<void> {
  for (const id of IDS) {
    const shows = async () => (await copy.get(`/views/${VIEW}/${id}`)).body.came as number[];
    await until(async () => (await shows()).length >= came.length);
    assertEquals(await shows(), came, id);
  }
}

async function ask(copy: Service, path: string, body: unknown): Promise<Answer> {
  return assertStatus(await copy.send(path, { ...OPERATOR, method: "POST", body }), 200);
}

async function redrive(copy: Service, { per_second }: { per_second: number }): Promise<void> {
  const { body: { total } } = await ask(copy, REDRIVE, { per_second, dry_run: false });
  assertEquals(total, IDS.length);
}

async function pausedBy(copy: Service): Promise<string | undefined> {
  const { items } = (await copy.get(SUBSCRIPTIONS, OPERATOR)).body as {
    items: { subscription: string; paused: { by: string } | null }[];
  };
  return items.find(({ subscription }) => subscription === SUBSCRIPTION)?.paused?.by;
}

async function lettersOf(copy: Service) {
  const { body: { items } } = await copy.get(LETTERS, OPERATOR);
  return items as { state: string; events_behind: number }[];
}

type Progress = { running: boolean; redrive: Record<"waiting" | "failed_again" | "recovered", number> };

async function progressOf(copy: Service): Promise<Progress> {
  return assertStatus(await copy.get(REDRIVE, OPERATOR), 200).body as Progress;
}

async function progressWhen(copy: Service, holds: (progress: Progress) => boolean): Promise<Progress> {
  let progress = await progressOf(copy);
  await until(async () => holds(progress = await progressOf(copy)), DONE_WITHIN_MS);
  return progress;
}
