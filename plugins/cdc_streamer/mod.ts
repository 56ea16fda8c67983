import { z } from "zod";
import type { Subscription } from "../../core/engine/subscription.ts";
import { requestLogRef } from "../../core/engine/request_log.ts";
import { RETRY_POLICIES } from "../../core/engine/retry.ts";
import { subscriptionMetrics } from "../../core/engine/subscription_metrics.ts";
import { BREAKER_STATES } from "../../core/engine/breaker.ts";
import { type ChangeSource, changeSourceRef } from "../../core/ports/change_source.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { definePlugin, type Health } from "../../core/ports/plugin.ts";
import { type Runtime, runtimeRef } from "../../core/ports/runtime.ts";
import { type Subscriber, subscriberRef, waitingForRef } from "../../core/ports/subscriber.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { logRef, type Telemetry, telemetryRef } from "../../core/ports/telemetry.ts";
import { tracerRef } from "../../core/ports/tracing.ts";
import { SupervisedSubscription } from "./supervised_subscription.ts";
import { timed } from "./timed.ts";
import { traced } from "./traced.ts";

const policyNames = Object.keys(RETRY_POLICIES) as (keyof typeof RETRY_POLICIES)[];

/** Runs one subscription for each subscriber, all side by side, each a supervised component of its own. */
export default definePlugin({
  name: "cdc_streamer",
  provides: { waitingFor: waitingForRef },
  requires: {
    changes: changeSourceRef,
    store: eventStoreRef,
    subscribers: subscriberRef,
    supervision: supervisionRef,
    runtime: runtimeRef,
    log: logRef,
    telemetry: telemetryRef,
    requests: requestLogRef,
    tracers: tracerRef,
  },
  config: z.object({
    /** How often and how fast an event that failed is tried again. */
    RETRY_POLICY: z.enum(policyNames).default("default"),
    /** How long a subscription waits after five failures in a row of what it depends on. */
    BREAKER_MS: z.string().regex(/^[0-9]{1,6}$/, "expected milliseconds, at most 999999").default("30000")
      .transform(Number),
  }),
  start({ services: { subscribers, supervision, telemetry, tracers: [tracer], ...services }, config }) {
    const { changes, runtime, requests } = services;
    const metricsOf = subscriptionMetrics(telemetry);
    const messagesOf = declareMessages(telemetry);
    const common = { ...services, policy: RETRY_POLICIES[config.RETRY_POLICY], breakerMs: config.BREAKER_MS };
    const told = tracer === undefined ? subscribers : subscribers.map((subscriber) => traced(subscriber, tracer));
    const components = timed(told, { telemetry, runtime }).map((subscriber: Subscriber) => {
      const counters = { metrics: metricsOf(subscriber.name), messages: messagesOf(subscriber.name) };
      return new SupervisedSubscription(subscriber, { ...common, ...counters });
    });
    const subscriptions = () => components.map(({ current }) => current);
    showLag(telemetry, subscriptions, { changes, runtime });
    showTrouble(telemetry, subscriptions);
    const branch = supervision.branch("cdc_streamer");
    branch.start({ name: "requests", run: (life) => requests.follow(life) });
    for (const component of components) branch.start(component);
    return Promise.resolve({
      services: { waitingFor: (name) => components.find((each) => each.name === name)?.current.waitingFor },
      health: () => healthOf(subscriptions()),
      stop: (late) => branch.stop(late),
    });
  },
});

/** Pages of events that a component was given, and those it has dealt with. */
function declareMessages(telemetry: Telemetry) {
  const labels = ["component"] as const;
  const sent = telemetry.counter({
    name: "actor_messages_sent_total",
    help: "Pages of events given to a supervised component",
    labels,
  });
  const received = telemetry.counter({
    name: "actor_messages_received_total",
    help: "Pages of events that a supervised component has dealt with, durably",
    labels,
  });
  return (component: string) => {
    const [sentHere, receivedHere] = [sent.at({ component }), received.at({ component })];
    return { sent: () => sentHere.add(), received: () => receivedHere.add() };
  };
}

/** What a failure keeps back, and who has stopped asking. */
function showTrouble(telemetry: Telemetry, subscriptions: () => readonly Subscription[]): void {
  const parked = { name: "projection_parked_aggregates", help: "Aggregates kept back by a failure" };
  telemetry.gauge({ ...parked, labels: ["projection"] }, () => {
    return subscriptions().map((each) => ({ labels: { projection: each.name }, value: each.parked().length }));
  });
  const letters = {
    name: "dlq_messages_by_event_type",
    help: "Aggregates parked for good, by the event they stopped at",
  };
  telemetry.gauge({ ...letters, labels: ["subscription", "event_type"] }, () => {
    return subscriptions().flatMap((each) => {
      const types = Map.groupBy(each.parked().filter(({ givenUp }) => givenUp), ({ eventType }) => eventType);
      return [...types].map(([event_type, { length }]) => ({
        labels: { subscription: each.name, event_type },
        value: length,
      }));
    });
  });
  const breaker = { name: "circuit_breaker_state", help: "0: closed, 1: open, 2: half open" };
  telemetry.gauge({ ...breaker, labels: ["breaker"] }, () => {
    return subscriptions().map((each) => ({
      labels: { breaker: each.name },
      value: BREAKER_STATES.indexOf(each.breaker),
    }));
  });
}

function showLag(
  telemetry: Telemetry,
  subscriptions: () => readonly Subscription[],
  { changes, runtime }: { changes: ChangeSource; runtime: Runtime },
): void {
  const labels = ["projection"] as const;
  const read = () =>
    Promise.all(
      subscriptions().map(async ({ name, checkpoint }) => ({
        name,
        ...await changes.backlog({ subscription: name, after: checkpoint }),
      })),
    );
  let reading: ReturnType<typeof read> | undefined;
  /** One reading for all who ask at the same time, as gauges do that are collected together. */
  const backlogs = () => reading ??= read().finally(() => reading = undefined);
  const rebuilt = "projection_rebuild_progress_ratio";
  telemetry.gauge({ name: rebuilt, help: "Share of the stored events that is handled", labels }, () => {
    return Promise.all(
      subscriptions().map(async ({ name, checkpoint }) => ({
        labels: { projection: name },
        value: await changes.handledShare({ subscription: name, after: checkpoint }),
      })),
    );
  });
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
function healthOf(subscriptions: readonly Subscription[]): Health {
  const reasons = subscriptions.flatMap((subscription) => {
    const { name, waitingFor } = subscription;
    const parked = subscription.parked().length;
    return [
      ...(waitingFor === undefined ? [] : [`${name} waits: ${waitingFor}`]),
      ...(parked === 0 ? [] : [`${name} has parked ${parked} aggregates: deno task dlq list says why`]),
    ];
  });
  return reasons.length === 0 ? { status: "pass" } : { status: "warn", reason: reasons.join("; ") };
}
