import { z } from "zod";
import { envelope } from "../../core/engine/envelope.ts";
import { type DeadLetterFilter, matches } from "../../core/engine/subscription_orders.ts";
import type { EventStore } from "../../core/ports/event_store.ts";
import { defineOperation, type Operation, type OperationOutcome, refused } from "../../core/ports/operation.ts";
import type { Parked } from "../../core/ports/progress.ts";
import { InvalidCursor } from "../../core/ports/read_models.ts";
import type { Subscriber } from "../../core/ports/subscriber.ts";

/** A dead letter, or what may become one: what a subscription has parked. */
export type Letter = { readonly subscription: string; readonly parked: Parked };

export const name = z.string().min(1).max(200);
export const filterShape = {
  subscription: name.optional(),
  aggregate_type: name.optional(),
  aggregate_id: name.optional(),
  event_type: name.optional(),
  error: z.string().max(200).optional(),
};

const LIMIT = z.string().regex(/^[1-9][0-9]{0,2}$/, "expected 1 to 999").default("50").transform(Number);
const SCAN_PAGE = 500;
const MOST_ERRORS = 20;

/** Reads what subscriptions have parked, whichever process runs them. */
export class DeadLetters {
  readonly #subscribers: readonly Subscriber[];

  constructor(subscribers: readonly Subscriber[]) {
    this.#subscribers = subscribers.toSorted((a, b) => a.name < b.name ? -1 : 1);
  }

  subscriber(subscription: string): Subscriber | undefined {
    return this.#subscribers.find(({ name }) => name === subscription);
  }

  /** The refusal where there is no such subscription; one that is left open is any. */
  unknown(subscription: string | undefined): OperationOutcome | undefined {
    if (subscription === undefined || this.subscriber(subscription) !== undefined) return undefined;
    return refused("not_found", `There is no subscription ${subscription}`);
  }

  /** Some that are meant, at most `limit`, and where to go on. Throws an `InvalidCursor`. */
  async page(
    filter: DeadLetterFilter,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<{ readonly items: readonly Letter[]; readonly next: string | null }> {
    const meant = this.#subscribers.filter(({ name }) => (filter.subscription ?? name) === name);
    let { at, inner } = after === undefined ? { at: 0, inner: null } : placeIn(meant, after);
    const items: Letter[] = [];
    while (at < meant.length && items.length < limit) {
      const { name: subscription, progress } = meant[at] as Subscriber;
      const page = await progress.parked(subscription, { after: inner, limit: limit - items.length });
      const found = page.items.filter((parked) => matches(filter, parked));
      items.push(...found.map((parked) => ({ subscription, parked })));
      inner = page.next;
      if (inner === null) at += 1;
    }
    const next = meant[at];
    return { items, next: next === undefined ? null : `${next.name}:${inner ?? ""}` };
  }

  /** All that are meant. */
  async *all(filter: DeadLetterFilter): AsyncGenerator<Letter, void> {
    for (let after: string | undefined, more = true; more;) {
      const { items, next }: Awaited<ReturnType<DeadLetters["page"]>> = await this.page(filter, {
        after,
        limit: SCAN_PAGE,
      });
      yield* items;
      more = next !== null;
      after = next ?? undefined;
    }
  }

  async one(subscription: string, stream: { readonly aggregateType: string; readonly aggregateId: string }) {
    const write = { ...stream, version: Number.MAX_SAFE_INTEGER };
    const standing = await this.subscriber(subscription)?.progress.standing(subscription, write);
    return standing?.is === "parked" ? standing.parked : undefined;
  }
}

function placeIn(meant: readonly Subscriber[], cursor: string): { at: number; inner: string | null } {
  const colon = cursor.indexOf(":");
  const at = meant.findIndex(({ name }) => name === cursor.slice(0, Math.max(0, colon)));
  if (at < 0) throw new InvalidCursor("Cannot go on after this cursor: expected the `next` of the same list");
  return { at, inner: cursor.slice(colon + 1) || null };
}

/** As operators see it. */
export function shown({ subscription, parked }: Letter) {
  return {
    subscription,
    aggregate_type: parked.aggregateType,
    aggregate_id: parked.aggregateId,
    sequence_number: parked.from,
    event_type: parked.eventType,
    state: parked.givenUp ? "given_up" : "retrying",
    attempts: parked.attempts,
    error: parked.error,
    first_failed_at: parked.firstFailedAt,
    last_failed_at: parked.lastFailedAt,
    events_behind: Math.max(0, parked.through - parked.from),
  };
}

export function readingOperations(letters: DeadLetters, store: EventStore): readonly Operation[] {
  return [
    defineOperation({
      method: "GET",
      path: "/operations/dead-letters",
      summary: "What subscriptions have parked, a page at a time",
      input: z.strictObject({ ...filterShape, after: z.string().max(2_000).optional(), limit: LIMIT }),
      async run({ after, limit, ...filter }) {
        const unknown = letters.unknown(filter.subscription);
        if (unknown !== undefined) return unknown;
        try {
          const { items, next } = await letters.page(filter, { after, limit });
          return { is: "done", body: { items: items.map(shown), next } };
        } catch (error) {
          if (error instanceof InvalidCursor) return refused("invalid", error.message);
          throw error;
        }
      },
    }),
    defineOperation({
      method: "GET",
      path: "/operations/dead-letters/statistics",
      summary: "How many are parked, by subscription, event type and error",
      input: z.strictObject(filterShape),
      run: async (filter) =>
        letters.unknown(filter.subscription) ?? { is: "done", body: await statisticsOf(letters.all(filter)) },
    }),
    defineOperation({
      method: "GET",
      path: "/operations/dead-letters/entry",
      summary: "One of them, with its event as it is read today",
      input: z.strictObject({ subscription: name, aggregate_type: name, aggregate_id: name }),
      async run({ subscription, aggregate_type: aggregateType, aggregate_id: aggregateId }) {
        const unknown = letters.unknown(subscription);
        if (unknown !== undefined) return unknown;
        const stream = { aggregateType, aggregateId };
        const parked = await letters.one(subscription, stream);
        if (parked === undefined) return refused("not_found", `${subscription} has not parked this aggregate`);
        const [event] = await store.read(stream, { after: parked.from - 1, limit: 1 });
        const body = { ...shown({ subscription, parked }), event: event === undefined ? null : envelope(event) };
        return { is: "done", body };
      },
    }),
  ];
}

async function statisticsOf(letters: AsyncIterable<Letter>) {
  const bySubscription = new Map<string, number>();
  const byEventType = new Map<string, number>();
  const byError = new Map<string, number>();
  let total = 0;
  for await (const { subscription, parked: { eventType, error } } of letters) {
    total += 1;
    for (const [counts, key] of [[bySubscription, subscription], [byEventType, eventType], [byError, error]] as const) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const errors = [...byError].toSorted(([, a], [, b]) => b - a).slice(0, MOST_ERRORS);
  return {
    total,
    by_subscription: Object.fromEntries(bySubscription),
    by_event_type: Object.fromEntries(byEventType),
    /** The most frequent ones first. */
    by_error: errors.map(([error, count]) => ({ error, count })),
  };
}
