import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { peakResidentMegabytes, residentMegabytes } from "../../bench/process.ts";
import { until, within } from "../contract/surroundings.ts";
import {
  assertRefused,
  connect,
  connectionsOf,
  headOf,
  startSlowBodies,
  type Told,
  toldTo,
  waitAsTold,
} from "./crowd.ts";
import { readHistories } from "./journal.ts";
import { Service, startService, temporaryDirectory } from "./service.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };
const DEPOSIT = { type: "Deposit", amount: 1 };
const CROWD = 1_000;
const PATIENT = 20;
const GREEDY_AT_ONCE = 200;
const PATIENCE_MS = 120_000;
const LIMITS = {
  REQUEST_LIMIT: String(CROWD + 100),
  /** Whoever waits for each answer stays far below it for as long as this takes. */
  RATE_LIMIT: "1500/3600",
  BODY_MEMORY_BYTES: String(1024 * 1024),
  LIVE_STREAM_LIMIT: "10",
  TRUSTED_PROXIES: "127.0.0.1",
};
const LARGE = `${headOf("10.2.0.2")}Content-Length: 262144\r\n\r\n${" ".repeat(250_000)}`;
/** Each is more than there is room for beside the others. */
const TOO_MUCH = [
  { count: 200, text: `${headOf("10.2.0.1")}Content-Length: 99\r\n\r\n{` },
  { count: 40, text: LARGE },
  { count: 20, text: "GET /topics/account-events HTTP/1.1\r\nHost: localhost\r\n\r\n" },
];
/** Of a service under load, the most above what it had before: garbage, and connections that hold a large body. */
const GROWTH_MEGABYTES = 384;

describe("a crowd", () => {
  it("of idle, slow and greedy clients leaves others served, and is told when to come back", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path, environment: LIMITS });
    const { pid } = service.program;
    const before = await residentMegabytes(pid);
    const door = new Service(service.program, service);
    const greedy = new Client(door, "192.0.2.255");
    const patient = Array.from({ length: PATIENT }, (_, at) => new Client(door, `192.0.2.${at}`));
    const told = await meetCrowd(door, { greedy, patient });
    door.close();
    assertEquals(new Set(told.map(({ status }) => status)), new Set([408, 429, 503]));
    for (const each of told) assertRefused(each);
    assertLess(await peakResidentMegabytes(pid) - before, GROWTH_MEGABYTES);
    await until(async () => await connectionsOf(service) === 0, PATIENCE_MS);
    assertEquals((await service.get("/health", { door: "operator" })).body.status, "healthy");
    const histories = await readHistories(service, [greedy, ...patient].map(({ path }) => path));
    for (const { path, acknowledged } of [greedy, ...patient]) {
      assertEquals(histories.get(path)?.map(({ event_id }) => event_id).sort(), acknowledged.toSorted(), path);
    }
    assertEquals((await service.get("/accounts/slow")).status, 404);
  });

  it(`of ${CROWD} large bodies that do not end is held to its memory, and others are served`, async () => {
    await using directory = await temporaryDirectory();
    const environment = { BODY_MEMORY_BYTES: String(16 * 1024 * 1024) };
    await using service = await startService({ directory: directory.path, environment });
    assertEquals((await service.post("/accounts/a", OPEN)).status, 201);
    const before = await residentMegabytes(service.program.pid);
    const telling = toldTo(service.url, { count: CROWD, text: LARGE });
    for (let at = 0; at < 100; at++) assertEquals((await service.post("/accounts/a", DEPOSIT)).status, 200);
    const told = await within(telling, PATIENCE_MS, "large bodies to be refused or given up");
    for (const each of told) assertRefused(each);
    const refused = told.filter(({ status }) => status === 503).length;
    assert(refused > CROWD / 2, `expected most to be refused, found ${refused} of ${told.length}`);
    assertLess(await peakResidentMegabytes(service.program.pid) - before, GROWTH_MEGABYTES);
  });
});

/** Has the patient served while idlers stay and others want too much; gives what anybody was refused with. */
async function meetCrowd(
  service: Service,
  { greedy, patient }: { readonly greedy: Client; readonly patient: readonly Client[] },
): Promise<readonly Told[]> {
  await using _idle = await connect(service.url, { count: CROWD, text: "" });
  await using _heads = await connect(service.url, { count: CROWD, text: headOf("10.2.0.3") });
  const slow = startSlowBodies(service.url, CROWD);
  const told: Told[] = [];
  let isOver = false;
  const serving = Promise.all(patient.map((client) => client.goOn(() => isOver)));
  try {
    const wanting = TOO_MUCH.map((asking) => wantTooMuch(service.url, asking));
    const all = Promise.all([greedy.wantTooMuch(), ...wanting]);
    for (const answers of await within(all, PATIENCE_MS, "every limit to be reached")) {
      told.push(...answers.filter(({ status }) => status !== 200));
    }
  } finally {
    isOver = true;
    told.push(...await within(slow.end(), PATIENCE_MS, "slow bodies to be given up"));
  }
  await within(serving, PATIENCE_MS, "every command of the patient to be acknowledged");
  return [...told, ...[greedy, ...patient].flatMap(({ refusals }) => refusals)];
}

/** Until the limit is reached: slow bodies are given up and come again, many at a time, and leave room in between. */
async function wantTooMuch(url: string, asking: (typeof TOO_MUCH)[number]): Promise<readonly Told[]> {
  const told: Told[] = [];
  do told.push(...await toldTo(url, asking)); while (!told.some(({ status }) => status === 429 || status === 503));
  return told;
}

/** Keeps what it was told, by its own account: the ids of the events that were acknowledged, and the refusals. */
class Client {
  readonly path: string;
  readonly acknowledged: string[] = [];
  readonly refusals: Told[] = [];
  readonly #service: Service;
  readonly #address: string;

  constructor(service: Service, address: string) {
    this.#service = service;
    this.#address = address;
    this.path = `/accounts/${address}`;
  }

  /** One command after the other, each sent again when it was refused: by its key it takes effect once. */
  async goOn(isOver: () => boolean): Promise<void> {
    await this.#insist(OPEN);
    do await this.#insist(DEPOSIT); while (!isOver());
  }

  /** Until the limit on its rate is reached. */
  async wantTooMuch(): Promise<readonly Told[]> {
    await this.#insist(OPEN);
    while (!this.refusals.some(({ status }) => status === 429)) {
      await Promise.all(Array.from({ length: GREEDY_AT_ONCE }, () => this.#ask(DEPOSIT)));
    }
    return this.refusals;
  }

  async #insist(command: unknown): Promise<void> {
    const headers = { "idempotency-key": crypto.randomUUID() };
    for (let refusal = await this.#ask(command, headers); refusal; refusal = await this.#ask(command, headers)) {
      await waitAsTold(refusal);
    }
  }

  /** Gives how it was refused, if it was. */
  async #ask(command: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Told | undefined> {
    const { status, headers: told, body } = await this.#service.post(this.path, command, {
      "x-forwarded-for": this.#address,
      ...headers,
    });
    if (status === 200 || status === 201) {
      this.acknowledged.push(...(body.events as { event_id: string }[]).map(({ event_id }) => event_id));
      return undefined;
    }
    const refusal = { status, retryAfter: told.get("retry-after") };
    this.refusals.push(refusal);
    return refusal;
  }
}
