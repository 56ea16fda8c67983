import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { defineProjection, type Module } from "annals";
import { z } from "zod";
import type { Plugin } from "../../core/ports/plugin.ts";
import { counterWith } from "../engine/counter.ts";
import { type Answer, assertProblem, openService, type Service } from "../http/rig.ts";
import { until } from "./surroundings.ts";

export type DeadLetterStore = AsyncDisposable & {
  readonly storage: Plugin;
  readonly environment: Readonly<Record<string, string>>;
  readonly broker?: boolean;
};

const VIEW = "counter_totals";
const SUBSCRIPTION = "counter_totals_v1";
const LETTERS = "/operations/dead-letters";
const REDRIVE = `${LETTERS}/redrive`;
const events = { Counted: z.strictObject({ by: z.number() }) };

/** A view that shows the order in which its events came, and throws on what it is told to throw on. */
function brittle(): { readonly module: Module; readonly broken: Set<number> } {
  const broken = new Set<number>();
  const projection = defineProjection({
    name: VIEW,
    version: 1,
    events,
    document: z.strictObject({ came: z.array(z.number()) }),
    on: {
      Counted(document = { came: [] }, { by }) {
        if (broken.has(by)) throw new TypeError(`cannot take ${by}`, { cause: new RangeError("too many") });
        return { came: [...document.came, by] };
      },
    },
  });
  return { module: counterWith({ projections: [projection] }), broken };
}

/** What an operator can rely on when a subscriber fails, on whichever store: each case on a new one. */
export function deadLetterContract(name: string, open: () => Promise<DeadLetterStore>): void {
  describe(`dead letters on ${name}`, () => {
    redriving(open);
    asking(open);
    holding(open);
    refusing(open);
  });
}

function redriving(open: () => Promise<DeadLetterStore>): void {
  it("are exactly the aggregates it fails on; redriven while writes go on, the view equals a replay", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    broken.add(13);
    await using service = await openService({ ...store, modules: [module] });
    const bad = ["bad-1", "bad-2", "bad-3", "bad-4"];
    const all = [...bad, "good-1", "good-2", "good-3"];
    const told = new Map(all.map((id): [string, number[]] => [id, []]));
    const count = async (id: string, by: number) => {
      await counted(service, id, by);
      told.get(id)?.push(by);
    };
    for (const id of all) for (const by of [1, bad.includes(id) ? 13 : 2, 3]) await count(id, by);
    await until(async () => (await parkedFor(service)).length === bad.length);
    for (const id of all) await until(async () => (await came(service, id)).length === (bad.includes(id) ? 1 : 3));
    assertEquals((await lettersOf(service)).map(({ aggregate_id: id, sequence_number: at }) => [id, at]).toSorted(), [
      ...bad.map((id) => [id, 2]),
    ]);

    broken.clear();
    let writing = true;
    const written = Promise.all(all.map(async (id) => {
      for (let by = 100; writing || by < 110; by += 1) await count(id, by);
    }));
    written.catch(() => {});
    const dry = await service.send(REDRIVE, { operator: true, body: { per_second: 20 } });
    assertEquals([dry.body.dry_run, dry.body.total], [true, bad.length]);
    assertEquals((await lettersOf(service)).length, bad.length);
    const asked = await service.send(REDRIVE, { operator: true, body: { per_second: 20, dry_run: false } });
    assertEquals([asked.status, asked.body.total], [200, bad.length]);
    await until(async () => (await progressOf(service)).running === false);
    const { waiting, failed_again, recovered } = (await progressOf(service)).redrive;
    assertEquals({ waiting, failed_again, recovered }, { waiting: 0, failed_again: 0, recovered: bad.length });
    writing = false;
    await written;
    for (const id of all) {
      const sofar = told.get(id) ?? [];
      await until(async () => (await came(service, id)).length === sofar.length);
      assertEquals(await came(service, id), sofar);
    }
    assertEquals(await lettersOf(service), []);
  });

  it("are redriven to the end though the process ends in the middle of it", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    broken.add(13);
    {
      await using service = await openService({ ...store, modules: [module] });
      for (const id of ["a", "b", "c"]) for (const by of [13, 14]) await counted(service, id, by);
      await until(async () => (await parkedFor(service)).length === 3);
      broken.clear();
      const slowly = { per_second: 0.5, dry_run: false };
      assertEquals((await service.send(REDRIVE, { operator: true, body: slowly })).status, 200);
      const { redrive, running } = await progressWhen(service, ({ redrive }) => redrive.recovered > 0);
      assertEquals([redrive.recovered < 3, running], [true, true]);
    }
    await using service = await openService({ ...store, modules: [module] });
    await until(async () => (await progressOf(service)).redrive.recovered === 3);
    assertEquals((await progressOf(service)).running, false);
    for (const id of ["a", "b", "c"]) await until(async () => (await came(service, id)).length === 2);
    assertEquals(await lettersOf(service), []);
  });

  it("wait for their turn in a redrive over a restart, and heal once it is cancelled", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    broken.add(13);
    // A copy of a cluster tries one at once each time it takes some of eight slices over.
    const ids = Array.from({ length: 12 }, (_, at) => `bad-${at}`);
    {
      await using service = await openService({ ...store, modules: [module] });
      for (const id of ids) await counted(service, id, 13);
      await until(async () => (await parkedFor(service)).length === ids.length);
      broken.clear();
      const slowly = { per_second: 0.001, dry_run: false };
      assertEquals((await service.send(REDRIVE, { operator: true, body: slowly })).status, 200);
      await progressWhen(service, ({ redrive }) => redrive.recovered > 0);
    }
    await using service = await openService({ ...store, modules: [module] });
    await progressWhen(service, ({ redrive }) => redrive.recovered > 1);
    // Between any two of these the subscription would try another one that is due.
    for (const at of ids.keys()) {
      await counted(service, `good-${at}`, 1);
      await until(async () => (await came(service, `good-${at}`)).length === 1);
    }
    const { running, redrive } = await progressOf(service);
    assertEquals([running, redrive.waiting > 0], [true, true], `found ${redrive.waiting} that wait`);
    assertEquals((await service.send(`${REDRIVE}/cancel`, { operator: true, body: {} })).body.cancelled, true);
    for (const id of ids) await until(async () => (await came(service, id)).length === 1);
    await until(async () => (await lettersOf(service)).length === 0);
  });

  it("that fail again stay, each tried once for a request; another request is refused while one runs", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    broken.add(13);
    await using service = await openService({ ...store, modules: [module] });
    for (const id of ["a", "b", "c"]) await counted(service, id, 13);
    await until(async () => (await parkedFor(service)).length === 3);
    const slowly = { event_type: "Counted", per_second: 0.001, dry_run: false, by: "ada" };
    assertEquals((await service.send(REDRIVE, { operator: true, body: slowly })).status, 200);
    for (const one of [slowly, { ...slowly, aggregate_id: "a" }]) {
      const another = await service.send(REDRIVE, { operator: true, body: one });
      assertProblem(another, 409, "operation_refused");
      assertMatch(
        String(another.body.detail),
        /^A redrive is under way, by ada since 2\S+, of event_type Counted: wait/,
      );
    }
    // The first is tried at once, and would else be tried while the next request is made.
    await progressWhen(service, ({ redrive }) => redrive.failed_again === 1);
    assertEquals((await service.send(`${REDRIVE}/cancel`, { operator: true, body: {} })).body.cancelled, true);
    assertProblem(await service.send(`${REDRIVE}/cancel`, { operator: true, body: {} }), 409, "operation_refused");
    const failedAt = async () =>
      new Map((await parkedFor(service)).map((each) => [each.aggregate_id, each.last_failed_at]));
    await until(async () => (await failedAt()).size === 3);
    const before = await failedAt();
    const one = { aggregate_id: "b", dry_run: false };
    assertEquals((await service.send(REDRIVE, { operator: true, body: one })).body.total, 1);
    await until(async () => (await failedAt()).size === 3 && (await failedAt()).get("b") !== before.get("b"));
    assertEquals((await progressOf(service)).redrive.failed_again, 1);
    for (const id of ["a", "c"]) assertEquals((await failedAt()).get(id), before.get(id));
  });
}

function asking(open: () => Promise<DeadLetterStore>): void {
  it("can be listed a page at a time, counted, and looked at with their event", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    broken.add(13).add(14);
    await using service = await openService({ ...store, modules: [module] });
    const ids = ["a", "b", "c", "d", "e"];
    for (const [at, id] of ids.entries()) await counted(service, id, at < 2 ? 13 : 14);
    await until(async () => (await parkedFor(service)).length === ids.length);
    const seen: unknown[] = [];
    for (let query = "?limit=2", more = true; more;) {
      const { body } = await get(service, LETTERS + query);
      seen.push(...(body.items as { aggregate_id: string }[]).map(({ aggregate_id }) => aggregate_id));
      more = body.next !== null;
      query = `?limit=2&after=${encodeURIComponent(String(body.next))}`;
    }
    assertEquals(seen.toSorted(), ids);
    const error = "TypeError: cannot take 13; caused by RangeError: too many";
    assertEquals((await get(service, `${LETTERS}?error=take%2013`)).body.next, null);
    assertEquals((await lettersOf(service, "?error=take%2013")).map((each) => each.error), [error, error]);
    assertEquals(await lettersOf(service, "?event_type=Other"), []);
    assertEquals((await get(service, `${LETTERS}/statistics`)).body, {
      total: 5,
      by_subscription: { [SUBSCRIPTION]: 5 },
      by_event_type: { Counted: 5 },
      by_error: [{ error: error.replace("13", "14"), count: 3 }, { error, count: 2 }],
    });
    const which = `?subscription=${SUBSCRIPTION}&aggregate_type=counter&aggregate_id=a`;
    const { body } = await get(service, `${LETTERS}/entry${which}`);
    assertEquals([body.state, body.attempts, body.sequence_number, body.events_behind], ["given_up", 3, 1, 0]);
    assertEquals((body.event as Record<string, unknown>).event_data, { by: 13 });
  });
}

function holding(open: () => Promise<DeadLetterStore>): void {
  it("are passed by with a reason, and what is behind them goes on in order", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    broken.add(13);
    await using service = await openService({ ...store, modules: [module] });
    for (const by of [1, 13, 3]) await counted(service, "a", by);
    await counted(service, "last", 13);
    await until(async () => (await parkedFor(service)).length === 2);
    const skip = (id: string, at: number) => ({
      operator: true,
      body: {
        subscription: SUBSCRIPTION,
        aggregate_type: "counter",
        aggregate_id: id,
        sequence_number: at,
        reason: "counted twice",
        by: "ada",
      },
    });
    assertProblem(await service.send(`${LETTERS}/skip`, skip("a", 1)), 409, "operation_refused");
    assertProblem(await service.send(`${LETTERS}/skip`, skip("never", 1)), 404, "not_found");
    assertEquals((await service.send(`${LETTERS}/skip`, skip("a", 2))).body.skipped, 2);
    assertEquals((await service.send(`${LETTERS}/skip`, skip("last", 1))).status, 200);
    await until(async () => (await lettersOf(service)).length === 0);
    await counted(service, "a", 4);
    await counted(service, "last", 5);
    await until(async () => (await came(service, "a")).length === 3 && (await came(service, "last")).length === 1);
    assertEquals(await came(service, "a"), [1, 3, 4]);
    const { body } = await get(service, "/operations/audit");
    const [{ by, reason, from }] = body.items as [{ by: string; reason: string; from: number }];
    assertEquals({ by, reason, from }, { by: "ada", reason: "counted twice", from: 2 });
  });

  it("are not made while a subscription is paused, which outlasts a restart and ends where it is resumed", async () => {
    await using store = await open();
    const { module, broken } = brittle();
    const pause = { operator: true, body: { subscription: SUBSCRIPTION, reason: "a deploy", by: "ada" } };
    {
      await using service = await openService({ ...store, modules: [module] });
      await counted(service, "a", 1);
      await until(async () => (await came(service, "a")).length === 1);
      assertEquals((await service.send("/operations/subscriptions/pause", pause)).body.paused, true);
      assertProblem(await service.send("/operations/subscriptions/pause", pause), 409, "operation_refused");
      await until(() => waits(service));
      broken.add(13);
      await counted(service, "a", 13);
    }
    await using service = await openService({ ...store, modules: [module] });
    await until(() => waits(service));
    const { body: { items: [first] } } = await get(service, "/operations/subscriptions") as Listed;
    assertEquals([first?.subscription, first?.paused?.reason, first?.paused?.by], [SUBSCRIPTION, "a deploy", "ada"]);
    assertEquals(first?.waiting_for, "paused by ada: a deploy");
    assertEquals([await came(service, "a"), await lettersOf(service)], [[1], []]);
    broken.clear();
    const resume = { operator: true, body: { subscription: SUBSCRIPTION } };
    assertEquals((await service.send("/operations/subscriptions/resume", resume)).body.paused, false);
    await until(async () => (await came(service, "a")).length === 2);
    assertProblem(await service.send("/operations/subscriptions/resume", resume), 409, "operation_refused");
  });
}

function refusing(open: () => Promise<DeadLetterStore>): void {
  it("are neither redriven nor skipped twice while their subscription is paused, and the answer says why", async () => {
    await using store = await open();
    await using service = await openWithOneParked(store);
    const post = (path: string, body: unknown) => service.send(path, { operator: true, body });
    const reason = { subscription: SUBSCRIPTION, reason: "a deploy", by: "ada" };
    assertEquals((await post("/operations/subscriptions/pause", reason)).status, 200);
    for (const dry_run of [true, false]) {
      for (const filter of [{}, { subscription: SUBSCRIPTION }]) {
        const answer = await post(REDRIVE, { ...filter, dry_run });
        assertProblem(answer, 409, "operation_refused");
        assertStringIncludes(String(answer.body.detail), `${SUBSCRIPTION} is paused by ada: a deploy; resume it first`);
      }
    }
    const which = { ...reason, aggregate_type: "counter", aggregate_id: "a", sequence_number: 1 };
    assertEquals((await post(`${LETTERS}/skip`, which)).status, 200);
    const again = await post(`${LETTERS}/skip`, which);
    assertProblem(again, 409, "operation_refused");
    assertStringIncludes(String(again.body.detail), "Event 1 is to be passed by already");
    const { body } = await get(service, "/operations/audit");
    assertEquals((body.items as { request: string }[]).map(({ request }) => request), [
      "$subscription_paused",
      "$dead_letter_skipped",
    ]);
    assertEquals((await post("/operations/subscriptions/resume", { subscription: SUBSCRIPTION })).status, 200);
    await until(async () => (await lettersOf(service)).length === 0);
    const told = service.lines.filter((line) => line.includes("An operator's request was stored"));
    assertEquals(told.length, 3, told.join("\n"));
    const [paused = ""] = told;
    const line = /^info An operator's request was stored \{"request":"\$subscription_paused","by":"ada",(.*)\}$/;
    const { correlation_id, ...rest } = JSON.parse(`{${line.exec(paused)?.[1]}}`);
    assertEquals(rest, { subscription: SUBSCRIPTION, reason: "a deploy" });
    assertEquals(typeof correlation_id, "string");
  });

  it("refuse what makes no sense, and change nothing", async () => {
    await using store = await open();
    await using service = await openWithOneParked(store);
    const post = (path: string, body: unknown) => service.send(path, { operator: true, body });
    const which = { subscription: SUBSCRIPTION, aggregate_type: "counter", aggregate_id: "a", sequence_number: 1 };
    assertProblem(await post(REDRIVE, { subscription: "nobody" }), 404, "not_found");
    assertProblem(await post(REDRIVE, { aggregate_id: "nobody", dry_run: false }), 404, "not_found");
    assertProblem(await post(REDRIVE, { everything: true }), 422, "invalid_body");
    assertProblem(await post(REDRIVE, { per_second: 0 }), 422, "invalid_body");
    assertProblem(await post(`${LETTERS}/skip`, which), 422, "invalid_body");
    assertProblem(await post(`${LETTERS}/skip`, { ...which, reason: "  " }), 422, "invalid_body");
    assertProblem(
      await post("/operations/subscriptions/pause", { subscription: "nobody", reason: "x" }),
      404,
      "not_found",
    );
    assertProblem(await get(service, `${LETTERS}?after=nonsense`), 400, "invalid_query");
    assertProblem(await get(service, `${LETTERS}?limit=0`), 400, "invalid_query");
    assertProblem(await get(service, `${LETTERS}/entry?subscription=x`), 400, "invalid_query");
    assertProblem(await get(service, `${LETTERS}?subscription=nobody`), 404, "not_found");
    assertProblem(await get(service, `${LETTERS}/statistics?subscription=nobody`), 404, "not_found");
    const entry = await get(service, `${LETTERS}/entry?subscription=nobody&aggregate_type=counter&aggregate_id=a`);
    assertEquals([entry.status, entry.body.detail], [404, "There is no subscription nobody"]);
    assertProblem(await service.send(LETTERS), 404, "not_found");
    assertEquals((await get(service, "/operations/audit")).body.items, []);
    assertEquals((await lettersOf(service)).length, 1);
  });
}

type Listed = Answer & {
  body: {
    items: { subscription: string; waiting_for: string | null; paused: { reason: string; by: string } | null }[];
  };
};
type Told = Record<string, unknown> & { aggregate_id: string; sequence_number: number };

/** With a view that is stopped at the first event of aggregate `a`. */
async function openWithOneParked(store: DeadLetterStore): Promise<Service> {
  const { module, broken } = brittle();
  broken.add(13);
  const service = await openService({ ...store, modules: [module] });
  await counted(service, "a", 13);
  await until(async () => (await parkedFor(service)).length === 1);
  return service;
}

async function counted(service: Service, id: string, by: number): Promise<void> {
  const { status, text } = await service.send(`/counters/${id}`, { body: { type: "Count", by } });
  assert(status === 200 || status === 201, text);
}

function get(service: Service, path: string): Promise<Answer> {
  return service.send(path, { operator: true });
}

async function came(service: Service, id: string): Promise<readonly number[]> {
  const { status, body } = await service.send(`/views/${VIEW}/${id}`);
  return status === 404 ? [] : body.came as number[];
}

async function lettersOf(service: Service, query = ""): Promise<readonly Told[]> {
  const { body: { items } } = await get(service, LETTERS + query);
  return items as Told[];
}

async function parkedFor(service: Service): Promise<readonly Told[]> {
  return (await lettersOf(service)).filter(({ state }) => state === "given_up");
}

async function progressOf(service: Service) {
  const { body } = await get(service, REDRIVE);
  return body as { running: boolean; redrive: Record<"waiting" | "failed_again" | "recovered", number> };
}

async function progressWhen(service: Service, holds: (progress: Awaited<ReturnType<typeof progressOf>>) => boolean) {
  let progress = await progressOf(service);
  await until(async () => holds(progress = await progressOf(service)));
  return progress;
}

async function waits(service: Service): Promise<boolean> {
  return (await get(service, "/readyz")).text.includes(`${SUBSCRIPTION} waits: paused by ada`);
}
