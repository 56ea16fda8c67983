import { z } from "zod";
import { Subscription } from "../../core/engine/subscription.ts";
import { Supervisor } from "../../core/engine/supervisor.ts";
import { type ChangeSource, changeSourceRef } from "../../core/ports/change_source.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { definePlugin, type Health } from "../../core/ports/plugin.ts";
import { type Runtime, runtimeRef } from "../../core/ports/runtime.ts";
import { type Subscriber, subscriberRef } from "../../core/ports/subscriber.ts";
import { logRef, type Telemetry, telemetryRef } from "../../core/ports/telemetry.ts";

/** Runs one subscription for each subscriber, all side by side under a supervisor. */
export default definePlugin({
  name: "cdc_streamer",
  provides: {},
  requires: {
    changes: changeSourceRef,
    store: eventStoreRef,
    subscribers: subscriberRef,
    runtime: runtimeRef,
    log: logRef,
    telemetry: telemetryRef,
  },
  config: z.object({}),
  start({ services: { changes, store, subscribers, runtime, log, telemetry } }) {
    const metricsOf = declareCounters(telemetry);
    const subscriptions = subscribers.map((subscriber: Subscriber) =>
      new Subscription(subscriber, { changes, store, runtime, log, metrics: metricsOf(subscriber.name) })
    );
    showLag(telemetry, subscriptions, { changes, runtime });
    const supervisor = new Supervisor({ runtime, log, telemetry });
    for (const subscription of subscriptions) supervisor.start(subscription);
    return Promise.resolve({
      services: {},
      health: () => healthOf(subscriptions, supervisor),
      stop: () => supervisor.stop(),
    });
  },
});

function declareCounters(telemetry: Telemetry) {
  const labels = ["subscription"] as const;
  const handled = telemetry.counter({
    name: "cdc_events_processed_total",
    help: "Events a subscription has handled",
    labels,
  });
  const failed = telemetry.counter({
    name: "cdc_events_failed_total",
    help: "Events whose handling failed, each try counted",
    labels,
  });
  return (subscription: string) => {
    const handledHere = handled.at({ subscription });
    const failedHere = failed.at({ subscription });
    return { handled: (events: number) => handledHere.add(events), failed: () => failedHere.add() };
  };
}

function showLag(
  telemetry: Telemetry,
  subscriptions: readonly Subscription[],
  { changes, runtime }: { changes: ChangeSource; runtime: Runtime },
): void {
  const labels = ["projection"] as const;
  telemetry.gauge({ name: "projection_parked_aggregates", help: "Aggregates kept back by a failure", labels }, () => {
    return subscriptions.map(({ name, parkedCount }) => ({ labels: { projection: name }, value: parkedCount }));
  });
  const backlogs = () =>
    Promise.all(
      subscriptions.map(async ({ name, checkpoint }) => ({
        name,
        ...await changes.backlog({ subscription: name, after: checkpoint }),
      })),
    );
  telemetry.gauge({ name: "projection_lag_events", help: "Events stored but not yet handled", labels }, async () => {
    return (await backlogs()).map(({ name, events }) => ({ labels: { projection: name }, value: events }));
  });
  telemetry.gauge(
    { name: "projection_lag_seconds", help: "Age of the first event not yet handled", labels },
    async () => {
      return (await backlogs()).map(({ name, since }) => ({
        labels: { projection: name },
        value: since === null ? 0 : Math.max(0, runtime.now() - Date.parse(since)) / 1000,
      }));
    },
  );
}

/** Every reason to worry, of every subscription. */
function healthOf(subscriptions: readonly Subscription[], supervisor: Supervisor): Health {
  const reasons = subscriptions.flatMap(({ name, waitingFor, parkedCount }) => [
    ...(waitingFor === undefined ? [] : [`${name} waits: ${waitingFor}`]),
    ...(parkedCount === 0 ? [] : [`${name} has parked ${parkedCount} aggregates`]),
  ]);
  const restarting = supervisor.statuses().filter(({ state }) => state === "restarting");
  reasons.push(
    ...restarting.map(({ name, restarts, lastError }) => `${name} is restarted (${restarts}): ${lastError}`),
  );
  return reasons.length === 0 ? { status: "pass" } : { status: "warn", reason: reasons.join("; ") };
}
