import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { assertStatus, seeing, type Service, startService, temporaryDirectory } from "./service.ts";
import { type CollectedSpan, TraceCollector } from "./trace_collector.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${CALLER}-01`;
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const SUBSCRIPTION = "account_balances_v1";

describe("with OTEL_DENO the trace of a request", () => {
  it("leads from its sender by the command to the append and, through the stored event, to the view", async () => {
    await using traced = await openTraced();
    const { service, collector } = traced;
    const opened = assertStatus(await service.post("/accounts/a", OPEN, { traceparent: TRACEPARENT }), 201);
    assertStatus(await service.get("/views/account_balances/a", { headers: seeing(opened) }), 200);
    const names = ["POST /accounts/:id", "command OpenAccount", "append", `${SUBSCRIPTION} AccountOpened`];
    // Each is sent when it has ended, and they end in no order.
    await until(() => names.every((each) => spansOf(collector).some(({ name }) => name === each)));
    const spans = spansOf(collector);
    const request = spanOf(spans, "POST /accounts/:id");
    const command = spanOf(spans, "command OpenAccount");
    const append = spanOf(spans, "append");
    const shown = spanOf(spans, `${SUBSCRIPTION} AccountOpened`);
    assertEquals([request, command, append, shown].map(({ parentSpanId }) => parentSpanId), [
      CALLER,
      request.spanId,
      command.spanId,
      command.spanId,
    ]);
    assertEquals(await storedTraceparent(service), `00-${TRACE_ID}-${command.spanId}-01`);
    assertEquals([command.attributes["annals.outcome"], append.attributes["annals.outcome"]], ["done", "applied"]);
    assertEquals(command.attributes["annals.correlation_id"], opened.headers.get("x-correlation-id"));
  });

  it("tells the route of a request and not what was typed into it", async () => {
    await using traced = await openTraced();
    const { service, collector } = traced;
    const path = "/views/order_read_model?customer_id=0193b5a0-7c1e-7000-8000-000000000002";
    assertStatus(await service.get(path, { headers: { traceparent: TRACEPARENT } }), 200);
    assertStatus(await service.get("/nowhere/Alice", { headers: { traceparent: TRACEPARENT } }), 404);
    await until(() => spansOf(collector).length === 2);
    const spans = spansOf(collector);
    const { attributes } = spanOf(spans, "GET /views/order_read_model");
    assertEquals(attributes["http.route"], "/views/order_read_model");
    spanOf(spans, "GET");
    assertEquals(/0193b5a0|Alice/.exec(JSON.stringify(spans)), null);
  });

  it("says what became of a command, and does not call a rejection a fault", async () => {
    await using traced = await openTraced();
    const { service, collector } = traced;
    assertStatus(await service.post("/accounts/a", OPEN, { traceparent: TRACEPARENT }), 201);
    const withdraw = { type: "Withdraw", amount: 5 };
    assertStatus(await service.post("/accounts/a", withdraw, { traceparent: TRACEPARENT }), 422);
    await until(() => spansOf(collector).some(({ name }) => name === "command Withdraw"));
    const command = spanOf(spansOf(collector), "command Withdraw");
    assertEquals(command.attributes["annals.outcome"], "rejected");
    assertEquals(command.status?.code ?? 0, 0);
  });
});

describe("without OTEL_DENO", () => {
  it("an event carries its sender's own trace context", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    assertStatus(await service.post("/accounts/a", OPEN, { traceparent: TRACEPARENT }), 201);
    assertEquals(await storedTraceparent(service), TRACEPARENT);
  });
});

async function openTraced() {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const collector = stack.use(new TraceCollector());
  const service = stack.use(
    await startService({ directory: directory.path, environment: { ...collector.environment } }),
  );
  return { service, collector, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Those of the caller's trace. */
function spansOf({ spans }: TraceCollector): readonly CollectedSpan[] {
  return spans.filter(({ traceId }) => traceId === TRACE_ID);
}

function spanOf(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = spans.filter((span) => span.name === name);
  assert(found.length === 1 && found[0], `expected one span "${name}", found ${spans.map(({ name }) => name)}`);
  return found[0];
}

async function storedTraceparent(service: Service): Promise<unknown> {
  const { body } = assertStatus(await service.get("/accounts/a/events"), 200);
  const [event] = body.items as readonly { readonly metadata: { readonly traceparent: string } }[];
  return event?.metadata.traceparent;
}
