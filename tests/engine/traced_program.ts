import { z } from "zod";
import { definePlugin } from "../../core/ports/plugin.ts";
import { tracerRef } from "../../core/ports/tracing.ts";
import publisher from "../../plugins/publisher/mod.ts";
import { startTracer } from "../../plugins/tracing/otel_tracer.ts";
import { until } from "../contract/surroundings.ts";
import { counter } from "./counter.ts";
import { MemorySender } from "./memory_sender.ts";
import { openRig } from "./rig.ts";

/**
 * A program of its own, as traces are collected for whole processes. Does a command of the trace that its first
 * argument names, fails to publish its event once, publishes it, and prints what trace context the message had; then
 * three commands of the other trace at once, on one aggregate.
 */
const [ofOne, ofThree] = Deno.args;
const sender = new MemorySender();
sender.outages = 1;
const tracing = definePlugin({
  name: "tracing",
  provides: { tracers: tracerRef },
  requires: {},
  config: z.object({}),
  start: () => Promise.resolve({ services: { tracers: [startTracer()].filter((each) => each !== undefined) } }),
});
{
  await using rig = await openRig({ modules: [counter], plugins: [tracing, sender.plugin(), publisher] });
  const count = (id: string, traceparent: string | undefined) =>
    rig.execute({ module: "counter", id, body: { type: "Count", by: 1 }, traceparent });
  await count("a", ofOne);
  await until(() => sender.stored.length === 1);
  console.log(sender.stored[0]?.headers.traceparent);
  await Promise.all([count("b", ofThree), count("b", ofThree), count("b", ofThree)]);
}
