import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { run } from "../service/program.ts";
import { surroundings } from "../service/service.ts";
import { TraceCollector } from "../service/trace_collector.ts";

const ONE = "0af7651916cd43dd8448eb211c80319c";
const THREE = "1af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const FAILED = 2;

describe("with OTEL_DENO", () => {
  it("a message carries the trace context of its own sending, below the subscription's and the command's", async () => {
    const { named, printed } = await runTraced();
    const [command] = named("command Count", ONE);
    const handled = named("publisher Counted", ONE);
    const sent = named("publish counter-events", ONE);
    assertEquals(command?.parentSpanId, CALLER);
    assertEquals(handled.map(({ parentSpanId }) => parentSpanId), [command?.spanId, command?.spanId]);
    assertEquals(sent.map(({ parentSpanId }) => parentSpanId), handled.map(({ spanId }) => spanId));
    const statuses = [handled, sent].map((spans) => spans.map(({ status }) => [status?.code, status?.message]));
    const onceFailed = [[FAILED, "Unavailable"], [0, ""]];
    assertEquals(statuses, [onceFailed, onceFailed]);
    assertEquals(printed, `00-${ONE}-${sent.at(-1)?.spanId}-01`);
  });

  it("an append of several commands is a part of the first, and linked to the others", async () => {
    const { named } = await runTraced();
    const commands = named("command Count", THREE).map(({ spanId }) => spanId);
    const appends = named("append", THREE);
    assertEquals(appends.map(({ attributes }) => attributes["annals.events"]), ["1", "2"]);
    const causes = appends.map(({ parentSpanId, links = [] }) => [parentSpanId, ...links.map(({ spanId }) => spanId)]);
    assertEquals(causes.map((each) => each.length), [1, 2]);
    assertEquals(new Set(causes.flat()), new Set(commands));
  });
});

/** The program's spans by name and trace, in the order of their beginning. */
async function runTraced() {
  await using collector = new TraceCollector();
  const { code, stdout, stderr } = await run("deno", {
    args: [
      ...["run", "--no-check", "--no-prompt", "--allow-env", "--allow-read", "tests/engine/traced_program.ts"],
      ...[ONE, THREE].map((trace) => `00-${trace}-${CALLER}-01`),
    ],
    environment: { ...surroundings(), ...collector.environment },
  });
  assertEquals(code, 0, stderr);
  const { spans } = collector;
  return {
    printed: stdout.trim(),
    named: (name: string, trace: string) =>
      spans.filter((span) => span.name === name && span.traceId === trace)
        .toSorted((left, right) => left.startTimeUnixNano < right.startTimeUnixNano ? -1 : 1),
  };
}
