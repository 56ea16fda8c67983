import { z } from "zod";
import { eventSource, topicsOf } from "../../core/engine/publication.ts";
import { registryRef } from "../../core/engine/registry.ts";
import { senderRef } from "../../core/ports/broker.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { subscriberRef } from "../../core/ports/subscriber.ts";
import { telemetryRef } from "../../core/ports/telemetry.ts";
import { tracerRef } from "../../core/ports/tracing.ts";
import { createPublisher } from "./publisher.ts";
import { tracedSender } from "./traced_sender.ts";

/** Publishes all events to the broker, where there is one that stores them. */
export default definePlugin({
  name: "publisher",
  provides: { subscriber: subscriberRef },
  requires: {
    registry: registryRef,
    senders: senderRef,
    checkpoints: checkpointStoreRef,
    runtime: runtimeRef,
    telemetry: telemetryRef,
    tracers: tracerRef,
  },
  config: z.object({ EVENT_SOURCE: eventSource }),
  start({ services: { registry, senders, checkpoints, runtime, telemetry, tracers: [tracer] }, config }) {
    const topics = topicsOf(registry, { source: config.EVENT_SOURCE });
    const failures = telemetry.counter({
      name: "publish_failures_total",
      help: "Sends to a topic that failed, and messages that the broker refused",
      labels: ["topic"],
    });
    const failuresOf = new Map([...topics.keys()].map((topic) => [topic, failures.at({ topic })]));
    const failed = (topic: string) => failuresOf.get(topic)?.add();
    const publishers = senders.map((plain) => {
      const sender = tracer === undefined ? plain : tracedSender(plain, tracer);
      return createPublisher({ topics, sender, checkpoints, runtime, failed });
    });
    return Promise.resolve({ services: { subscriber: publishers } });
  },
});
