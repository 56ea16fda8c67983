import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { Demand } from "../../core/engine/demand.ts";

function rig() {
  const runtime = virtualRuntime({ seed: 1 });
  const demand = new Demand(runtime);
  const stopping = new AbortController();
  const rest = (subscription: string) => {
    const state = { over: false };
    demand.rest(subscription, { ms: 50, signal: stopping.signal }).then(() => state.over = true);
    return state;
  };
  return { runtime, demand, stopping, rest };
}

describe("Demand", () => {
  it("lets a subscription rest for its time while nobody waits for it", async () => {
    const { runtime, demand, rest } = rig();
    const end = demand.begin("orders");
    const resting = rest("accounts");
    await runtime.advance(49);
    assertEquals(resting.over, false);
    await runtime.advance(1);
    assertEquals(resting.over, true);
    end();
  });

  it("wakes a subscription that somebody begins to wait for", async () => {
    const { runtime, demand, rest } = rig();
    const resting = rest("orders");
    demand.begin("orders");
    await runtime.advance(0);
    assertEquals([resting.over, runtime.pending], [true, 0]);
  });

  it("gives no rest until the last one who waits has gone", async () => {
    const { runtime, demand, rest } = rig();
    const ends = [demand.begin("orders"), demand.begin("orders")];
    for (const end of ends) {
      const resting = rest("orders");
      await runtime.advance(0);
      assertEquals(resting.over, true);
      end();
    }
    const resting = rest("orders");
    await runtime.advance(0);
    assertEquals(resting.over, false);
  });

  it("ends a rest when the service stops, and begins none afterwards", async () => {
    const { runtime, stopping, rest } = rig();
    const resting = rest("orders");
    stopping.abort();
    const late = rest("orders");
    await runtime.advance(0);
    assertEquals([resting.over, late.over, runtime.pending], [true, true, 0]);
  });
});
