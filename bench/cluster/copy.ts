import { type Service, type ServiceOptions, startService } from "../../tasks/child.ts";
import { Metrics } from "../metrics.ts";

/** The subscription that the figures of views look at: the one that the load and the seeded streams are for. */
export const BALANCES = "account_balances_v1";

const POLL_MS = 100;
const SHOWN_WITHIN_MS = 120_000;
const DRAIN_POLL_MS = 50;
const DRAINED_WITHIN_MS = 180_000;

/** Where the database is, as `host:port`. */
export type Place = { readonly address: string; readonly keyspace: string };

export type CopyOptions = Place & Pick<ServiceOptions, "environment" | "flags" | "main">;

/** Starts one copy of the service on the cluster store, as its task does. */
export function startCopy({ address, keyspace, environment = {}, ...options }: CopyOptions): Promise<Service> {
  const database = { SCYLLA_NODES: address, SCYLLA_KEYSPACE: keyspace };
  return startService("data/none", { ...options, task: "start:cluster", environment: { ...database, ...environment } });
}

export async function handledBy(copy: Service, subscription: string): Promise<number> {
  return (await Metrics.of(copy)).total("cdc_events_processed_total", `"${subscription}"`);
}

export type Shown = {
  readonly appendedBy: Service;
  /** The copy that feeds subscriptions; left out: the one that appends. */
  readonly shownBy?: Service;
  /** The account view when left out. */
  readonly subscription?: string;
};

/**
 * How long after the call the subscription had been shown every event that a copy appended, on a keyspace that nobody
 * else appends to. The lag alone would not tell: a feed without room for an event finds it again later, and does not
 * know of it until then.
 */
export async function whenShown(
  { appendedBy, shownBy = appendedBy, subscription = BALANCES }: Shown,
): Promise<{ readonly afterMs: number }> {
  const sinceMs = performance.now();
  for (;;) {
    const appended = (await Metrics.of(appendedBy)).total("events_appended_total");
    const metrics = await Metrics.of(shownBy);
    const afterMs = performance.now() - sinceMs;
    const lacking = appended - metrics.total("cdc_events_processed_total", `"${subscription}"`);
    if (lacking <= 0 && metrics.isCaughtUp) return { afterMs };
    if (afterMs > SHOWN_WITHIN_MS) {
      throw new Error(
        `expected ${subscription} to catch up in ${SHOWN_WITHIN_MS} ms, found it ${lacking} events behind`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Events a second of a subscription between the first reading that shows any and the one that shows all of so many. */
export async function drained(
  copy: Service,
  { subscription, events }: { readonly subscription: string; readonly events: number },
): Promise<number> {
  const sinceMs = performance.now();
  let first: { readonly handled: number; readonly atMs: number } | undefined;
  for (;;) {
    const handled = await handledBy(copy, subscription);
    const atMs = performance.now();
    if (handled > 0) first ??= { handled, atMs };
    if (first !== undefined && handled >= events && (await Metrics.of(copy)).isCaughtUp) {
      return (events - first.handled) / (atMs - first.atMs) * 1000;
    }
    if (atMs - sinceMs > DRAINED_WITHIN_MS) {
      throw new Error(
        `expected ${subscription} to handle ${events} events in ${DRAINED_WITHIN_MS} ms, found ${handled}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }
}
