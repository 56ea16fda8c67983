import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { consistencyToken } from "../../plugins/http/headers.ts";
import { type Answer, assertStatus, type Service } from "./service.ts";

/** What a client wrote down: first what it is about to ask, then what it was told. */
export type Entry = {
  /** Of the aggregate, like `/accounts/acc-001`. */
  readonly path: string;
  readonly command: Readonly<Record<string, unknown>>;
  readonly key: string | undefined;
  /** Marks the events that the command makes, however often it is sent. */
  readonly correlationId: string;
  outcome: Outcome;
};

/** `unknown`: the answer was lost. */
export type Outcome = { readonly is: "unknown" } | { readonly is: "refused" } | Acknowledged;
export type Acknowledged = { readonly is: "acknowledged"; readonly events: Receipt["events"]; readonly token: string };

const receipt = z.strictObject({
  id: z.string(),
  version: z.int(),
  events: z.array(z.strictObject({ event_id: z.uuid(), sequence_number: z.int(), event_type: z.string() })),
});
type Receipt = z.output<typeof receipt>;

const envelope = z.strictObject({
  event_id: z.uuid(),
  aggregate_type: z.string(),
  aggregate_id: z.string(),
  sequence_number: z.int(),
  event_type: z.string(),
  event_version: z.literal(1),
  event_data: z.record(z.string(), z.unknown()),
  causation_id: z.null(),
  correlation_id: z.uuid(),
  user_id: z.null(),
  timestamp: z.iso.datetime(),
  metadata: z.null(),
});
const historyPage = z.strictObject({ items: z.array(envelope), next: z.int().nullable() });
export type Envelope = z.output<typeof envelope>;

/** The journal of all clients: the only witness of what the service promised. */
export class Journal {
  readonly #entries: Entry[] = [];

  intend(entry: Omit<Entry, "outcome">): Entry {
    const intended: Entry = { ...entry, outcome: { is: "unknown" } };
    this.#entries.push(intended);
    return intended;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  count(outcome: Outcome["is"]): number {
    return this.#entries.filter((entry) => entry.outcome.is === outcome).length;
  }

  paths(from = 0): Set<string> {
    return new Set(this.#entries.slice(from).map(({ path }) => path));
  }

  /** Sends again what was keyed and has no answer; that is answered now, or no rule of idempotency holds. */
  async retryUnknown(service: Service): Promise<number> {
    const open = this.#entries.filter(({ key, outcome }) => key !== undefined && outcome.is === "unknown");
    for (const entry of open) {
      await submit(service, entry);
      assert(entry.outcome.is !== "unknown", `expected an answer to ${JSON.stringify(entry)}, found none`);
    }
    return open.length;
  }

  /** Holds histories against every entry of their aggregates. */
  check(histories: ReadonlyMap<string, readonly Envelope[]>): void {
    const effects = new Map<string, Envelope[]>();
    for (const [path, events] of histories) {
      assertEquals(events.map((event) => event.sequence_number), events.map((_, at) => at + 1), `versions of ${path}`);
      for (const event of events) {
        const known = effects.get(event.correlation_id);
        if (known === undefined) effects.set(event.correlation_id, [event]);
        else known.push(event);
      }
    }
    const ids = [...effects.values()].flat().map((event) => event.event_id);
    assertEquals(new Set(ids).size, ids.length, "no event id twice");
    for (const entry of this.#entries.filter(({ path }) => histories.has(path))) {
      checkEntry(entry, effects.get(entry.correlationId) ?? []);
      effects.delete(entry.correlationId);
    }
    assertEquals([...effects.values()], [], "no event that nobody asked for");
  }
}

/** Each command makes one event, so whatever else is found was lost, doubled or made of a refused one. */
function checkEntry(entry: Entry, effects: readonly Envelope[]): void {
  const { outcome } = entry;
  const told = JSON.stringify(entry);
  if (outcome.is === "unknown") return assert(effects.length <= 1, `expected at most one effect of ${told}`);
  const found = effects.map(({ event_id, sequence_number, event_type }) => ({ event_id, sequence_number, event_type }));
  assertEquals(found, outcome.is === "refused" ? [] : [...outcome.events], `the stored effect of ${told}`);
  const last = effects.at(-1);
  if (outcome.is === "acknowledged" && last !== undefined) {
    assertEquals(outcome.token, tokenOf(last), `the token of ${told}`);
  }
}

/** What makes a read of a view wait for this event, whoever wrote it and whether anybody was told. */
export function tokenOf({ aggregate_type, aggregate_id, sequence_number }: Envelope): string {
  return consistencyToken({ aggregateType: aggregate_type, aggregateId: aggregate_id, version: sequence_number });
}

/** Sends the command and writes down what the answer says; rejects when none comes. */
export async function submit(service: Service, entry: Entry): Promise<Answer> {
  const keyed = entry.key === undefined ? undefined : { "idempotency-key": entry.key };
  const answer = await service.post(entry.path, entry.command, { "x-correlation-id": entry.correlationId, ...keyed });
  entry.outcome = outcomeOf(answer);
  return answer;
}

function outcomeOf(answer: Answer): Outcome {
  const { status, body, headers, text } = answer;
  if (status === 200 || status === 201) {
    const { events } = receipt.parse(body);
    return { is: "acknowledged", events, token: headers.get("consistency-token") ?? "" };
  }
  const code = String(body.type).split("/").at(-1);
  if (status === 422 || code === "unavailable" || code === "version_conflict") return { is: "refused" };
  if (code === "outcome_unknown") return { is: "unknown" };
  throw new Error(`expected a command to be acknowledged or refused, found ${status}: ${text}`);
}

/** The whole history of each aggregate; empty for one that does not exist. */
export async function readHistories(service: Service, paths: Iterable<string>) {
  const histories = new Map<string, readonly Envelope[]>();
  const waiting = [...paths];
  const reading = Array.from({ length: 8 }, async () => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      histories.set(path, await readHistory(service, path));
    }
  });
  await Promise.all(reading);
  return histories;
}

async function readHistory(service: Service, path: string): Promise<readonly Envelope[]> {
  const events: Envelope[] = [];
  for (let after: number | null = 0; after !== null;) {
    const answer = await service.get(`${path}/events?limit=1000&after=${after}`);
    if (answer.status === 404) return [];
    const page: z.output<typeof historyPage> = historyPage.parse(assertStatus(answer, 200).body);
    events.push(...page.items);
    after = page.next;
  }
  return events;
}
