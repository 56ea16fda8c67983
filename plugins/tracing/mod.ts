import { z } from "zod";
import { definePlugin } from "../../core/ports/plugin.ts";
import { tracerRef } from "../../core/ports/tracing.ts";

/** Traces by OpenTelemetry, as Deno sends them: with `OTEL_DENO=true` only, else nothing of it is even loaded. */
export default definePlugin({
  name: "tracing",
  provides: { tracers: tracerRef },
  requires: {},
  config: z.object({ OTEL_DENO: z.string().optional() }),
  async start({ config: { OTEL_DENO } }) {
    if (OTEL_DENO !== "true" && OTEL_DENO !== "1") return { services: { tracers: [] } };
    const { startTracer } = await import("./otel_tracer.ts");
    const tracer = startTracer();
    return { services: { tracers: tracer === undefined ? [] : [tracer] } };
  },
});
