import type { ChangeSource } from "../ports/change_source.ts";
import type { EventStore } from "../ports/event_store.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Log } from "../ports/telemetry.ts";
import type { RequestLog } from "./request_log.ts";
import type { RetryPolicy } from "./retry.ts";
import type { SubscriptionMetrics } from "./subscription_metrics.ts";

export type SubscriptionParts = {
  readonly changes: ChangeSource;
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: SubscriptionMetrics;
  readonly requests: Pick<RequestLog, "orders" | "refresh" | "changed">;
  readonly policy: RetryPolicy;
  /** How long its breaker stays open. */
  readonly breakerMs: number;
  /** How many aggregates it may keep back; left out: 10,000. */
  readonly maxParked?: number;
};
