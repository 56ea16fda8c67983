import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { assertStatus, startService } from "../service/service.ts";
import { TraceCollector } from "../service/trace_collector.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };

describe("with OTEL_DENO on the cluster store", () => {
  it("the append of a command with a key is a part of it, and so is what the view does for its event", async () => {
    await using keyspace = await freshKeyspace("traces");
    await using collector = new TraceCollector();
    const cluster = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name };
    await using service = await startService({
      directory: "data/none",
      task: "start:cluster",
      environment: { ...cluster, ...collector.environment },
    });
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
