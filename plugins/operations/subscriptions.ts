import { z } from "zod";
import type { RequestLog } from "../../core/engine/request_log.ts";
import { REQUEST_STREAM, REQUESTS } from "../../core/engine/subscription_orders.ts";
import { type EventStore, type Stream, streamKey } from "../../core/ports/event_store.ts";
import { defineOperation, type Operation, type OperationOutcome, refused } from "../../core/ports/operation.ts";
import type { Subscriber, WaitingFor } from "../../core/ports/subscriber.ts";
import { type Ask, by, reason } from "./ask.ts";
import { type DeadLetters, name } from "./dead_letters.ts";

export type SubscriptionParts = {
  readonly subscribers: readonly Subscriber[];
  readonly waitingFor: WaitingFor;
  readonly letters: DeadLetters;
  readonly requests: RequestLog;
  readonly store: EventStore;
  readonly ask: Ask;
};

const PAGE = 100;
const NUMBER = z.string().regex(/^(0|[1-9][0-9]{0,14})$/, "expected a number").default("0").transform(Number);

/** To look at subscriptions, hold them and let them go, pass an event by, and see who asked for what. */
export function subscriptionOperations(parts: SubscriptionParts): readonly Operation[] {
  return [listOf(parts), pauseOf(parts), resumeOf(parts), skipOf(parts), auditOf(parts)];
}

function listOf({ subscribers, waitingFor, letters, requests }: SubscriptionParts): Operation {
  return defineOperation({
    method: "GET",
    path: "/operations/subscriptions",
    summary: "Every subscription, whether it is paused, what it waits for here, and what it has parked",
    input: z.strictObject({}),
    async run() {
      await requests.refresh();
      const items = await Promise.all(subscribers.map(async ({ name: subscription }) => {
        const { pause } = requests.orders.of(subscription);
        const parked = await Array.fromAsync(letters.all({ subscription }), ({ parked: { givenUp } }) => givenUp);
        const given_up = parked.filter(Boolean).length;
        const paused = pause === undefined ? null : { reason: pause.reason, at: pause.at, by: pause.by };
        /** Of this copy: another one that runs a share of it may go on. */
        const waiting_for = waitingFor(subscription) ?? null;
        return { subscription, paused, waiting_for, parked: { given_up, retrying: parked.length - given_up } };
      }));
      return { is: "done", body: { items } };
    },
  });
}

function pauseOf({ letters, requests, ask }: SubscriptionParts): Operation {
  return defineOperation({
    method: "POST",
    path: "/operations/subscriptions/pause",
    summary: "Hold a subscription until it is resumed, over restarts too",
    input: z.strictObject({ subscription: name, reason, by }),
    async run({ by, ...data }, operator) {
      const { subscription } = data;
      const unknown = letters.unknown(subscription);
      if (unknown !== undefined) return unknown;
      const asked = await ask({ ...operator, by }, async () => {
        return requests.orders.of(subscription).pause === undefined ? { type: REQUESTS.paused, data } : undefined;
      });
      if (asked) return { is: "done", body: { subscription, paused: true } };
      const { pause } = requests.orders.of(subscription);
      return refused("conflict", `${subscription} was paused by ${pause?.by}: ${pause?.reason}`);
    },
  });
}

function resumeOf({ letters, requests, ask }: SubscriptionParts): Operation {
  return defineOperation({
    method: "POST",
    path: "/operations/subscriptions/resume",
    summary: "Let a paused subscription go on",
    input: z.strictObject({ subscription: name, by }),
    async run({ subscription, by }, operator) {
      const unknown = letters.unknown(subscription);
      if (unknown !== undefined) return unknown;
      const asked = await ask({ ...operator, by }, async () => {
        const isPaused = requests.orders.of(subscription).pause !== undefined;
        return isPaused ? { type: REQUESTS.resumed, data: { subscription } } : undefined;
      });
      if (!asked) return refused("conflict", `${subscription} is not paused`);
      return { is: "done", body: { subscription, paused: false } };
    },
  });
}

function skipOf({ letters, store, requests, ask }: SubscriptionParts): Operation {
  return defineOperation({
    method: "POST",
    path: "/operations/dead-letters/skip",
    summary: "Pass by an event that was parked, or that is waited for, for good, and go on behind it",
    input: z.strictObject({
      subscription: name,
      aggregate_type: name,
      aggregate_id: name,
      /** Of the event to pass by: that at which its aggregate stands, or one that was not handled yet. */
      sequence_number: z.int().positive(),
      reason,
      by,
    }),
    async run({ by, sequence_number: from, ...which }, operator) {
      const { subscription, aggregate_type: aggregateType, aggregate_id: aggregateId } = which;
      let refusal: OperationOutcome | undefined;
      const asked = await ask({ ...operator, by }, async () => {
        refusal = await whyNotSkip({ letters, store, requests }, { subscription, aggregateType, aggregateId, from });
        return refusal === undefined ? { type: REQUESTS.skipped, data: { ...which, from } } : undefined;
      });
      return asked || refusal === undefined ? { is: "done", body: { ...which, skipped: from } } : refusal;
    },
  });
}

type Skipped = Stream & { readonly subscription: string; readonly from: number };

/** Undefined where the event is one that the subscription stands at, or has still before it. */
async function whyNotSkip(
  { letters, store, requests }: Pick<SubscriptionParts, "letters" | "store" | "requests">,
  { subscription, from, ...stream }: Skipped,
): Promise<OperationOutcome | undefined> {
  const progress = letters.subscriber(subscription)?.progress;
  if (progress === undefined) return letters.unknown(subscription);
  const [event] = await store.read(stream, { after: from - 1, limit: 1 });
  if (event === undefined) return refused("not_found", `There is no event ${from} of this aggregate`);
  const parked = await letters.one(subscription, stream);
  if (parked !== undefined) {
    if (parked.from !== from) {
      return refused("conflict", `It stands at event ${parked.from}, not at ${from}: look at that one first`);
    }
    if (parked.attempts === 0) return refused("conflict", `Event ${from} is still to be tried: look again`);
  } else if ((await progress.standing(subscription, { ...stream, version: from })).is !== "behind") {
    return refused("conflict", `${subscription} has passed event ${from} already`);
  }
  // One that its last try has left behind, an event in the middle of what was caught up with, is asked for again.
  const waiting = requests.orders.of(subscription).skips.get(streamKey(stream));
  if (waiting?.from !== from || waiting.number <= (parked?.request ?? 0)) return undefined;
  return refused("conflict", `Event ${from} is to be passed by already, as soon as ${subscription} goes on`);
}

function auditOf({ store }: SubscriptionParts): Operation {
  return defineOperation({
    method: "GET",
    path: "/operations/audit",
    summary: "Who asked for what, in order",
    input: z.strictObject({ after: NUMBER }),
    async run({ after }) {
      const events = await store.read(REQUEST_STREAM, { after, limit: PAGE });
      const items = events.map(({ sequenceNumber: number, eventType: request, data, timestamp, userId, ...rest }) => ({
        ...data,
        number,
        request,
        at: timestamp,
        by: userId,
        correlation_id: rest.correlationId,
      }));
      return { is: "done", body: { items, next: events.length < PAGE ? null : String(events.at(-1)?.sequenceNumber) } };
    },
  });
}
