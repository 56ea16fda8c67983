import {
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
} from "@opentelemetry/api";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { Step, Tracer } from "../../core/ports/tracing.ts";

const KINDS = { consumer: SpanKind.CONSUMER, producer: SpanKind.PRODUCER } as const;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** A tracer over what the runtime collects; undefined where it collects no spans after all. */
export function startTracer(): Tracer | undefined {
  const tracer = trace.getTracer("annals");
  if (!isSpanContextValid(tracer.startSpan("probe").spanContext())) return undefined;
  return {
    begin(step) {
      const span = tracer.startSpan(step.name, optionsOf(step), contextOf(step.parent));
      return {
        traceparent: textOf(span),
        end({ failed, attributes } = {}) {
          if (attributes !== undefined) span.setAttributes(attributes);
          if (failed !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failed });
          span.end();
        },
      };
    },
    request() {
      const span = trace.getActiveSpan();
      return span && {
        traceparent: textOf(span),
        describe: (name, attributes) => void span.updateName(name).setAttributes(attributes),
      };
    },
  };
}

function optionsOf({ kind, links = [], attributes }: Step) {
  return {
    kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind],
    attributes,
    links: links.flatMap((link) => parse(link) ?? []).map((context) => ({ context })),
  };
}

function contextOf(parent: string | undefined): Context {
  const context = parent === undefined ? undefined : parse(parent);
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function parse(traceparent: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

function textOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
