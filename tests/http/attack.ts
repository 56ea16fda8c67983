import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import fc from "fast-check";
import { sumOf } from "../contract/surroundings.ts";
import { type Hostile, hostile, hostileOperations, SEEDS } from "./hostile.ts";
import { usedBytes } from "../contract/memory.ts";
import type { Service } from "./rig.ts";

const AT_ONCE = 50;
const WARM_UP = 1_000;
const HANGS_AFTER_MS = 5_000;
const GROWTH_BYTES = 64 * 1024 * 1024;
/** What an event that was acknowledged may take, with what is shown of it. */
const EVENT_BYTES = 4 * 1024;
/** Of all modules, outcomes and subscriptions there are; one for each of so many paths would be far more. */
const SERIES_MAX = 500;
/** At least one of so many requests is acknowledged, and one refused by the rules of what it went to. */
const ONE_OF = 40;
const RULE = /"type":"\/problems\/(?:account|customer|order)\//;

type Attack = {
  readonly cases: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long an answer may take; a command that hangs is answered after 15 s. */
  readonly hangsAfterMs?: number;
};
type Answered = { readonly status: number; readonly events: number; readonly refusedByRule: boolean };

/** Sends hostile requests to the public door, and holds the service against what it promises whatever is sent. */
export async function attack(
  service: Service,
  { cases, headers = {}, hangsAfterMs = HANGS_AFTER_MS }: Attack,
): Promise<void> {
  const withHeaders = (request: Hostile) => ({ ...request, headers: { ...headers, ...request.headers } });
  for (const seed of SEEDS) assertEquals((await send(service.url, withHeaders(seed), hangsAfterMs)).status, 201);
  const answers = await sendAll(service, { url: service.url, requests: hostile.map(withHeaders), cases, hangsAfterMs });
  const count = (holds: (each: Answered) => boolean) => answers.filter(holds).length;
  assertGreaterOrEqual(count(({ status }) => status !== 429), cases);
  assertGreaterOrEqual(count(({ events }) => events > 0), Math.floor(cases / ONE_OF));
  assertGreaterOrEqual(count(({ refusedByRule }) => refusedByRule), Math.floor(cases / ONE_OF));
}

/** As `attack`, to what only the operator's door has. */
export async function attackOperator(service: Service, { cases }: Attack): Promise<void> {
  const answers = await sendAll(service, {
    url: service.operatorUrl,
    requests: hostileOperations,
    cases,
    hangsAfterMs: HANGS_AFTER_MS,
  });
  for (const expected of [200, 400, 409]) {
    const found = answers.filter(({ status }) => status === expected).length;
    assertGreaterOrEqual(found, Math.floor(cases / ONE_OF), `expected more answers of ${expected}`);
  }
}

async function sendAll(
  service: Service,
  { url, requests, cases, hangsAfterMs }: {
    readonly url: string;
    readonly requests: fc.Arbitrary<Hostile>;
    readonly cases: number;
    readonly hangsAfterMs: number;
  },
): Promise<readonly Answered[]> {
  const sendEach = (some: readonly Hostile[]) => Promise.all(some.map((each) => send(url, each, hangsAfterMs)));
  for (let sent = 0; sent < Math.min(WARM_UP, cases / 10); sent += AT_ONCE) {
    await sendEach(fc.sample(requests, AT_ONCE));
  }
  const before = { bytes: await usedBytes(), appended: await appendedBy(service) };
  const answers: Answered[] = [];
  const some = fc.array(requests, { minLength: AT_ONCE, maxLength: AT_ONCE });
  const property = fc.asyncProperty(some, async (each) => void answers.push(...await sendEach(each)));
  await fc.assert(property, { numRuns: Math.ceil(cases / AT_ONCE), endOnFailure: true });
  const acknowledged = answers.reduce((sum, { events }) => sum + events, 0);
  assertEquals(await appendedBy(service) - before.appended, acknowledged);
  assertEquals(service.lines.filter((line) => line.startsWith("error")), []);
  assertLess(await seriesOf(service), SERIES_MAX);
  assertLess(await usedBytes(), before.bytes + GROWTH_BYTES + acknowledged * EVENT_BYTES);
  return answers;
}

async function send(url: string, { path, ...request }: Hostile, hangsAfterMs: number): Promise<Answered> {
  const response = await fetch(url + path, {
    ...request,
    body: request.body as BodyInit,
    redirect: "manual",
    signal: AbortSignal.timeout(hangsAfterMs),
  });
  const { status, headers } = response;
  if (headers.get("content-type") === "text/event-stream") {
    await response.body?.cancel();
    return { status, events: 0, refusedByRule: false };
  }
  const text = await response.text();
  // What waits for a view to show what was never written is told so.
  assert(status < 500 || /view_behind/.test(text), `${status} to ${JSON.stringify({ path, ...request })}: ${text}`);
  const isNew = request.method === "POST" && status < 300 && !headers.has("idempotent-replayed");
  return { status, events: isNew ? JSON.parse(text).events?.length ?? 0 : 0, refusedByRule: RULE.test(text) };
}

async function seriesOf(service: Service): Promise<number> {
  const { text } = await service.send("/metrics", { operator: true });
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
}

async function appendedBy(service: Service): Promise<number> {
  const { text } = await service.send("/metrics", { operator: true });
  return sumOf(text, { name: "events_appended_total" });
}
