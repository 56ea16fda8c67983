import type { Runtime } from "../../core/ports/runtime.ts";
import type { Subscriber } from "../../core/ports/subscriber.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";

/** The same subscribers, each measured: how long its pages take. */
export function timed(
  subscribers: readonly Subscriber[],
  { telemetry, runtime }: { readonly telemetry: Telemetry; readonly runtime: Runtime },
): readonly Subscriber[] {
  const durations = telemetry.histogram({
    name: "cdc_processing_duration_seconds",
    help: "From a page of events being handed to a subscription to its progress being durable",
    labels: ["subscription"],
  });
  return subscribers.map((subscriber) => {
    const { observe } = durations.at({ subscription: subscriber.name });
    return {
      ...subscriber,
      async begin(events) {
        const startedMs = runtime.monotonicMs();
        const unit = await subscriber.begin(events);
        return {
          apply: (event) => unit.apply(event),
          ...unit.flush && { flush: unit.flush.bind(unit) },
          async commit(progress) {
            await unit.commit(progress);
            if (events.length > 0) observe((runtime.monotonicMs() - startedMs) / 1000);
          },
        };
      },
    };
  });
}
