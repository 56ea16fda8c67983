import { type Service, type ServiceOptions, startService } from "../../tasks/child.ts";
import { Metrics } from "../metrics.ts";

/** The subscription that every figure looks at: the one that the load and the seeded streams are for. */
export const BALANCES = "account_balances_v1";

const POLL_MS = 100;
const PROJECTED_WITHIN_MS = 120_000;

export type CopyOptions = {
  /** `host:port` of the database. */
  readonly address: string;
  readonly keyspace: string;
  /** Beside those that say where the database is. */
  readonly environment?: ServiceOptions["environment"];
  readonly flags?: readonly string[];
};

/** Starts one copy of the service on the cluster store, as its task does. */
export function startCopy({ address, keyspace, environment = {}, flags = [] }: CopyOptions): Promise<Service> {
  const database = { SCYLLA_NODES: address, SCYLLA_KEYSPACE: keyspace };
  return startService("data/none", { task: "start:cluster", flags, environment: { ...database, ...environment } });
}

export async function handledBy(copy: Service, subscription: string): Promise<number> {
  return (await Metrics.of(copy)).total("cdc_events_processed_total", `"${subscription}"`);
}

/**
 * How long after the call the account view had shown every event that this copy appended, on a keyspace that nobody
 * else appends to. The lag alone would not tell: a feed without room for an event finds it again later, and does not
 * know of it until then.
 */
export async function whenProjected(copy: Service): Promise<{ readonly afterMs: number }> {
  const sinceMs = performance.now();
  for (;;) {
    const metrics = await Metrics.of(copy);
    const afterMs = performance.now() - sinceMs;
    const lacking = metrics.total("events_appended_total") -
      metrics.total("cdc_events_processed_total", `"${BALANCES}"`);
    if (lacking <= 0 && metrics.isCaughtUp) return { afterMs };
    if (afterMs > PROJECTED_WITHIN_MS) {
      throw new Error(
        `expected ${BALANCES} to catch up in ${PROJECTED_WITHIN_MS} ms, found it ${lacking} events behind`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
