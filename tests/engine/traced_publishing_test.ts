import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { run } from "../service/program.ts";
import { surroundings } from "../service/service.ts";
import { TraceCollector } from "../service/trace_collector.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const FAILED = 2;

describe("with OTEL_DENO a published message", () => {
  it("carries the trace context of its own sending, below the subscription's and the command's", async () => {
    await using collector = new TraceCollector();
    const { code, stdout, stderr } = await run("deno", {
      args: [
        ...["run", "--no-check", "--no-prompt", "--allow-env", "--allow-read"],
        ...["tests/engine/traced_publishing.ts", `00-${TRACE_ID}-${CALLER}-01`],
      ],
      environment: { ...surroundings(), ...collector.environment },
    });
    assertEquals(code, 0, stderr);
    const named = (name: string) => collector.spans.filter((span) => span.name === name);
    const [command] = named("command Count");
    const handled = named("publisher Counted");
    const sent = named("publish counter-events");
    assertEquals(command?.parentSpanId, CALLER);
    assertEquals(handled.map(({ parentSpanId }) => parentSpanId), [command?.spanId, command?.spanId]);
    assertEquals(sent.map(({ parentSpanId }) => parentSpanId), handled.map(({ spanId }) => spanId));
    const statuses = [handled, sent].map((spans) => spans.map(({ status }) => [status?.code, status?.message]));
    const onceFailed = [[FAILED, "Unavailable"], [0, ""]];
    assertEquals(statuses, [onceFailed, onceFailed]);
    assertEquals(stdout.trim(), `00-${TRACE_ID}-${sent.at(-1)?.spanId}-01`);
  });
});
