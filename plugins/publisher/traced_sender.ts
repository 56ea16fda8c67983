import type { Sender, SendOutcome, TopicMessage } from "../../core/ports/broker.ts";
import { kindOf, type Span, type Tracer } from "../../core/ports/tracing.ts";

/** The same sender: each message is a step of the trace that it names, and names that step to its readers. */
export function tracedSender(sender: Sender, tracer: Tracer): Sender {
  return {
    async send(topic, messages) {
      const steps = messages.map((message) => begin(tracer, { topic, message }));
      try {
        const outcomes = await sender.send(topic, steps.map(({ message }) => message));
        outcomes.forEach((outcome, at) => steps[at]?.span?.end(endOf(outcome)));
        return outcomes;
      } catch (error) {
        for (const { span } of steps) span?.end({ failed: kindOf(error) });
        throw error;
      }
    },
  };
}

type Sending = { readonly message: TopicMessage; readonly span?: Span };

function begin(
  tracer: Tracer,
  { topic, message }: { readonly topic: string; readonly message: TopicMessage },
): Sending {
  const { traceparent: parent, ce_id: id = "" } = message.headers;
  if (parent === undefined) return { message };
  const attributes = { "messaging.destination.name": topic, "messaging.message.id": id };
  const span = tracer.begin({ name: `publish ${topic}`, kind: "producer", parent, attributes });
  return { span, message: { ...message, headers: { ...message.headers, traceparent: span.traceparent } } };
}

function endOf({ is }: SendOutcome): Parameters<Span["end"]>[0] {
  return is === "durable" ? {} : { failed: is };
}
