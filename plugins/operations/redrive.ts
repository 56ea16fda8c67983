import { z } from "zod";
import type { RequestLog } from "../../core/engine/request_log.ts";
import { matches, type Redrive, type RedriveData, REQUESTS } from "../../core/engine/subscription_orders.ts";
import { defineOperation, type Operation, type OperationOutcome, refused } from "../../core/ports/operation.ts";
import { type Ask, by } from "./ask.ts";
import { type DeadLetters, filterShape, shown } from "./dead_letters.ts";

const PATH = "/operations/dead-letters/redrive";
const FIRST_ITEMS = 10;

export type RedriveParts = { readonly letters: DeadLetters; readonly requests: RequestLog; readonly ask: Ask };

/** To have parked aggregates tried again: asked for by anybody, done by whoever runs the subscription. */
export function redriveOperations(parts: RedriveParts): readonly Operation[] {
  const { letters, requests } = parts;
  const progress = defineOperation({
    method: "GET",
    path: PATH,
    summary: "How far the last redrive has come",
    input: z.strictObject({}),
    async run() {
      await requests.refresh();
      return { is: "done", body: await progressOf(letters, requests.orders.redrive) };
    },
  });
  return [redriveOf(parts), progress, cancelOf(parts)];
}

function redriveOf({ letters, requests, ask }: RedriveParts): Operation {
  const input = z.strictObject({
    ...filterShape,
    /** For each of the subscriptions by itself, in each process that runs it. */
    per_second: z.number().positive().max(1_000).default(20),
    dry_run: z.boolean().default(true),
    by,
  });
  const summary = "Try again those that are meant; unless dry_run is false, only tell which";
  return defineOperation({
    method: "POST",
    path: PATH,
    summary,
    input,
    async run({ per_second, dry_run, by, ...filter }, operator) {
      const unknown = letters.unknown(filter.subscription);
      if (unknown !== undefined) return unknown;
      const { total, items, subscriptions } = await countOf(letters, filter);
      if (total === 0) return refused("not_found", "Nothing that is parked is meant");
      if (dry_run) {
        await requests.refresh();
        const first = items.map(shown);
        return whyPaused(requests, subscriptions) ?? { is: "done", body: { dry_run, total, per_second, first } };
      }
      const data: RedriveData = { filter, per_second, total };
      let refusal: OperationOutcome | undefined;
      await ask({ ...operator, by }, async () => {
        refusal = whyPaused(requests, subscriptions) ?? await whyBusy(letters, requests);
        return refusal === undefined ? { type: REQUESTS.redriven, data } : undefined;
      });
      return refusal ?? { is: "done", body: { dry_run, total, per_second } };
    },
  });
}

/** A redrive would wait for one that is paused, and every other for that redrive. */
function whyPaused({ orders }: RequestLog, subscriptions: ReadonlySet<string>): OperationOutcome | undefined {
  for (const subscription of subscriptions) {
    const { pause } = orders.of(subscription);
    if (pause === undefined) continue;
    const why = `${subscription} is paused by ${pause.by}: ${pause.reason}`;
    return refused("conflict", `${why}; resume it first, or name another subscription`);
  }
}

async function whyBusy(letters: DeadLetters, { orders }: RequestLog): Promise<OperationOutcome | undefined> {
  const { running, redrive } = await progressOf(letters, orders.redrive);
  if (!running || redrive === null) return undefined;
  const { filter, requested_at, requested_by } = redrive;
  const meant = Object.entries(filter).map(([name, value]) => `${name} ${value}`).join(", ");
  const which = `by ${requested_by} since ${requested_at}, of ${meant === "" ? "all that is parked" : meant}`;
  return refused("conflict", `A redrive is under way, ${which}: wait for its end, or cancel it`);
}

function cancelOf({ letters, requests, ask }: RedriveParts): Operation {
  return defineOperation({
    method: "POST",
    path: `${PATH}/cancel`,
    summary: "End the redrive that is under way; what was tried stays tried",
    input: z.strictObject({ by }),
    async run({ by }, operator) {
      const asked = await ask({ ...operator, by }, async () => {
        const { redrive } = requests.orders;
        const { running } = await progressOf(letters, redrive);
        return running ? { type: REQUESTS.cancelled, data: { redrive: redrive?.number } } : undefined;
      });
      return asked ? { is: "done", body: { cancelled: true } } : refused("conflict", "No redrive is under way");
    },
  });
}

/**
 * Told from the rows themselves: those that the request has not reached yet are waiting, those that failed before it
 * was made and are parked still have failed again, and the rest went in.
 */
async function progressOf(letters: DeadLetters, redrive: Redrive | null) {
  if (redrive === null) return { running: false, redrive: null };
  const { number, filter, total, perSecond, requestedAt, requestedBy } = redrive;
  let waiting = 0;
  let failed_again = 0;
  for await (const { parked } of letters.all({ subscription: filter.subscription })) {
    if (parked.request < number && matches(filter, parked)) waiting += 1;
    else if (parked.request === number && parked.firstFailedAt <= requestedAt) failed_again += 1;
  }
  const recovered = Math.max(0, total - waiting - failed_again);
  const request = { number, filter, per_second: perSecond, requested_at: requestedAt, requested_by: requestedBy };
  return { running: waiting > 0, redrive: { ...request, total, waiting, failed_again, recovered } };
}

async function countOf(letters: DeadLetters, filter: Parameters<DeadLetters["all"]>[0]) {
  const items = [];
  const subscriptions = new Set<string>();
  let total = 0;
  for await (const letter of letters.all(filter)) {
    total += 1;
    subscriptions.add(letter.subscription);
    if (items.length < FIRST_ITEMS) items.push(letter);
  }
  return { total, items, subscriptions };
}
