import type { Telemetry } from "../ports/telemetry.ts";
import { BREAKER_STATES, type BreakerState } from "./breaker.ts";

/** What one subscription counts. */
export type SubscriptionMetrics = {
  handled(events: number): void;
  failed(): void;
  /** Another try, of an event or of a page, has begun; it went well; it was the last. */
  retried(): void;
  recovered(): void;
  gaveUp(): void;
  breakerBecame(state: BreakerState): void;
};

/** Declares the counters of subscriptions; gives those of one by its name. */
export function subscriptionMetrics(telemetry: Telemetry): (subscription: string) => SubscriptionMetrics {
  const counter = (name: string, help: string) => telemetry.counter({ name, help, labels: ["subscription"] });
  const counters = {
    handled: counter("cdc_events_processed_total", "Events a subscription has handled"),
    failed: counter("cdc_events_failed_total", "Events whose handling failed, each try counted"),
    retried: counter("retry_attempts_total", "Further tries after a failure, of an event or of a page of them"),
    recovered: counter("retry_success_total", "Further tries that went well"),
    gaveUp: counter("retry_failure_total", "Events whose last try failed"),
    parked: counter("dlq_messages_total", "Aggregates that were parked for good, each time counted"),
  };
  const transitions = telemetry.counter({
    name: "circuit_breaker_transitions_total",
    help: "Changes of a circuit breaker's state, by the new one",
    labels: ["breaker", "state"],
  });
  return (subscription) => {
    const of = (counter: keyof typeof counters) => counters[counter].at({ subscription });
    const [handled, failed, retried, recovered, gaveUp, parked] = [
      of("handled"),
      of("failed"),
      of("retried"),
      of("recovered"),
      of("gaveUp"),
      of("parked"),
    ];
    const became = new Map(
      BREAKER_STATES.map((state) => [state, transitions.at({ breaker: subscription, state })]),
    );
    return {
      handled: (events) => handled.add(events),
      failed: () => failed.add(),
      retried: () => retried.add(),
      recovered: () => recovered.add(),
      gaveUp() {
        gaveUp.add();
        parked.add();
      },
      breakerBecame: (state) => became.get(state)?.add(),
    };
  };
}
