import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { assertStatus, startService } from "../service/service.ts";
import { type CollectedSpan, TraceCollector } from "../service/trace_collector.ts";
import { type PlainRecord, readTopic } from "./kafka/plain_consumer.ts";
import { freshKeyspace } from "./keyspace.ts";
import { kafkaAddress } from "./server.ts";
import { copyOn, STORES } from "./stores.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const TOPIC = "account-events";
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };

describe("with OTEL_DENO on the cluster store", () => {
  it("the append of a command with a key is a part of it, and so is what the view does for its event", async () => {
    await using keyspace = await freshKeyspace("traces");
    await using collector = new TraceCollector();
    await using service = await startService(copyOn(keyspace.name, collector.environment));
    assertStatus(await service.post("/accounts/a", OPEN, { "idempotency-key": "once" }), 201);
    const named = (name: string) => collector.spans.filter((span) => span.name === name);
    const parts = ["append", "account_balances_v1 AccountOpened"];
    // Each is sent when it has ended, and they end in no order.
    await until(() => ["command OpenAccount", ...parts].every((name) => named(name).length > 0));
    const [command] = named("command OpenAccount");
    for (const name of parts) {
      assertEquals(named(name).map(({ traceId, parentSpanId }) => [traceId, parentSpanId]), [
        [command?.traceId, command?.spanId],
      ], name);
    }
  });
});

for (const [name, open] of Object.entries(STORES)) {
  describe(`with OTEL_DENO and a broker, on the ${name} store`, () => {
    it("a record names the step that published it, which leads back to the sender of the command", async () => {
      await using store = await open();
      await using collector = new TraceCollector();
      const environment = { ...store.options.environment, ...collector.environment, REDPANDA_BROKERS: kafkaAddress() };
      await using service = await startService({ ...store.options, environment });
      // The broker is shared, and so is the topic.
      const id = crypto.randomUUID();
      const traceparent = `00-${TRACE_ID}-${CALLER}-01`;
      assertStatus(await service.post(`/accounts/${id}`, OPEN, { traceparent }), 201);
      let records: readonly PlainRecord[] = [];
      await until(async () => {
        const all = await readTopic(TOPIC, { address: kafkaAddress(), client: "platformatic" });
        records = all.filter(({ key }) => key === id);
        return records.length > 0;
      });
      // At least one: what the broker is slow to acknowledge is published again, as another step.
      for (const { headers } of records) {
        const [, trace, publishing = ""] = (headers.traceparent ?? "").split("-");
        assertEquals(trace, TRACE_ID);
        const path = await pathTo(collector, publishing);
        assertEquals(path.map((span) => [span.name, span.traceId]), [
          [`publish ${TOPIC}`, TRACE_ID],
          ["publisher AccountOpened", TRACE_ID],
          ["command OpenAccount", TRACE_ID],
          ["POST /accounts/:id", TRACE_ID],
        ]);
        const [command, request] = path.slice(-2);
        assertEquals(request?.parentSpanId, CALLER);
        const appends = () => collector.spans.filter((span) => span.name === "append" && span.traceId === TRACE_ID);
        await until(() => appends().length > 0);
        assertEquals(appends().map(({ parentSpanId }) => parentSpanId), [command?.spanId]);
      }
    });
  });
}

/** The span and those above it, up to the one that no collected span is above: each once it has come. */
async function pathTo({ spans }: TraceCollector, spanId: string): Promise<readonly CollectedSpan[]> {
  const path: CollectedSpan[] = [];
  for (let wanted: string | undefined = spanId; wanted !== undefined && wanted !== CALLER;) {
    await until(() => spans.some((span) => span.spanId === wanted));
    const span = spans.find((each) => each.spanId === wanted);
    if (span !== undefined) path.push(span);
    wanted = span?.parentSpanId;
  }
  return path;
}
