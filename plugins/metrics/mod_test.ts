import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import metrics from "./mod.ts";

describe("the page of metrics", () => {
  it("shows all it can when one gauge cannot be read, and counts that", async () => {
    const plugin = await started();
    let isBroken = false;
    plugin.telemetry.gauge({ name: "sound", help: "-", labels: [] }, () => [{ labels: {}, value: 7 }]);
    plugin.telemetry.gauge({ name: "broken", help: "-", labels: ["of"] }, async () => {
      if (isBroken) throw new Error("no answer");
      return [{ labels: { of: "a" }, value: 8 }];
    });
    assertMatch(await plugin.page(), /^broken\{of="a"\} 8$/m);
    isBroken = true;
    await plugin.page();
    const page = await plugin.page();
    assertMatch(page, /^sound 7$/m);
    assertEquals(/^broken/m.test(page), false, "no reading of an earlier page");
    assertMatch(page, /^metrics_read_failures_total\{metric="broken"\} [12]$/m);
  });

  it("has one reader for a gauge, and one counter and histogram for a name", async () => {
    const plugin = await started();
    const named = (name: string) => ({ name, help: "-", labels: [] });
    plugin.telemetry.gauge(named("clients"), () => []);
    assertThrows(() => plugin.telemetry.gauge(named("clients"), () => []), TypeError, "gauge clients");
    for (let count = 0; count < 2; count++) {
      plugin.telemetry.counter(named("commands_total")).at({}).add();
      plugin.telemetry.histogram(named("command_seconds")).at({}).observe(1);
    }
    const page = await plugin.page();
    assertMatch(page, /^commands_total 2$/m);
    assertMatch(page, /^command_seconds_count 2$/m);
  });
});

async function started() {
  const { signal } = new AbortController();
  const { services: { telemetry, assets } } = await metrics.start({ services: {}, config: {}, signal });
  return {
    telemetry,
    page: async () => await assets[0]?.body() ?? "",
  };
}
