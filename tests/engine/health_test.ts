import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { z } from "zod";
import { definePlugin, type Health } from "../../core/ports/plugin.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { assetRef } from "../../core/ports/telemetry.ts";
import health from "../../plugins/health/mod.ts";
import { counter } from "./counter.ts";
import { metricOf, openRig, type Rig } from "./rig.ts";

type Detail = {
  readonly status: string;
  readonly since: string;
  readonly components: Record<string, { status: string; since: string; reason?: string; detail?: unknown }>;
  readonly tree: Node;
};
type Node = { name: string; state: string; restarts: number; last_error: string | null; children: Node[] };

/** An engine with a database whose health is set from outside, and which has a component that can be made to fail. */
async function openMonitored() {
  const runtime = virtualRuntime({ seed: 5 });
  const set: { health: Health; fails: boolean; throws?: boolean } = { health: { status: "pass" }, fails: false };
  const healthOf = () => {
    if (set.throws === true) throw new TypeError("a bug in its health");
    return set.health;
  };
  let end = () => {};
  const database = definePlugin({
    name: "database",
    provides: {},
    requires: { supervision: supervisionRef },
    config: z.object({}),
    start({ services: { supervision } }) {
      const branch = supervision.branch("database");
      branch.start({
        name: "connection",
        run: ({ signal }) =>
          new Promise((resolve, reject) => {
            signal.addEventListener("abort", () => resolve());
            end = () => reject(new Error("cut"));
            if (set.fails) end();
          }),
      });
      return Promise.resolve({ services: {}, health: healthOf, stop: (late) => branch.stop(late) });
    },
  });
  const rig = await openRig({ modules: [counter], runtime, plugins: [health, database] });
  return { rig, runtime, set, cut: () => end() };
}

async function detailOf(rig: Rig): Promise<Detail> {
  const assets = rig.app.service<readonly { path: string; body(): Promise<string> }[]>({ ref: assetRef.ref });
  return JSON.parse(await assets.find(({ path }) => path === "/health")?.body() ?? "{}");
}

function statusOf(rig: Rig, component: string): Promise<number> {
  return metricOf(rig, "actor_health_status", { component });
}

describe("the health of the service", () => {
  it("is that of each component, with its reason and since when, and of all of them", async () => {
    const { rig, runtime, set } = await openMonitored();
    const { status, components } = await detailOf(rig);
    assertEquals([status, components.database?.status, components.cdc_streamer?.status], Array(3).fill("healthy"));
    await runtime.advance(60_000);
    set.health = { status: "warn", reason: "the disk is slow", detail: { busy: 6 } };
    await runtime.advance(10_000);
    const noticed = "2026-01-01T00:01:10.000Z";
    await runtime.advance(25_000);
    const degraded = await detailOf(rig);
    assertEquals([degraded.status, degraded.since], ["degraded", noticed]);
    assertEquals(degraded.components.database, {
      ...{ status: "degraded", reason: "the disk is slow", detail: { busy: 6 }, since: noticed },
    });
    set.health = { status: "fail", reason: "no answer" };
    assertEquals([(await detailOf(rig)).status, await statusOf(rig, "database")], ["unhealthy", 2]);
    set.health = { status: "pass" };
    assertEquals([(await detailOf(rig)).status, await statusOf(rig, "database")], ["healthy", 0]);
    await rig.app.stop();
    assertEquals(runtime.pending, 0);
  });

  it("is told of all others when one cannot tell its own", async () => {
    const { rig, set } = await openMonitored();
    set.throws = true;
    const { components } = await detailOf(rig);
    assertEquals([components.database?.status, components.cdc_streamer?.status], ["unhealthy", "healthy"]);
    assertEquals(components.database?.reason, "its health cannot be told: TypeError: a bug in its health");
    await rig.app.stop();
  });

  it("is looked at every 10 s, and what changes is logged once", async () => {
    const { rig, runtime, set } = await openMonitored();
    set.health = { status: "warn", reason: "the disk is slow" };
    await runtime.advance(30_000);
    set.health = { status: "pass" };
    await runtime.advance(30_000);
    const said = rig.lines.filter(({ fields }) => fields["component"] === "database").map(({ message }) => message);
    assertEquals(said, ["A component is not healthy", "A component is healthy again"]);
    await rig.app.stop();
  });

  it("shows the tree, and a component that fails degrades its branch and the whole", async () => {
    const { rig, runtime, set, cut } = await openMonitored();
    await runtime.advance(0);
    cut();
    await runtime.advance(0);
    const { status, components, tree } = await detailOf(rig);
    assertEquals([status, components.connection?.status], ["degraded", "degraded"]);
    assertEquals(components.database?.reason, "not healthy: connection");
    assertEquals(tree.children.map(({ name }) => name), ["health", "database", "cdc_streamer"]);
    const [connection] = tree.children.find(({ name }) => name === "database")?.children ?? [];
    assertEquals([connection?.state, connection?.restarts, connection?.last_error], ["restarting", 1, "Error: cut"]);
    assertEquals(await statusOf(rig, "connection"), 1);
    await runtime.advance(1_000);
    assertEquals((await detailOf(rig)).status, "healthy");
    set.fails = true;
    cut();
    await runtime.advance(60_000);
    const held = await detailOf(rig);
    assertEquals([held.status, held.components.connection?.status], ["degraded", "unhealthy"]);
    assertEquals(held.components.cdc_streamer?.status, "healthy");
    assert(await statusOf(rig, "connection") === 2);
    await rig.app.stop();
  });
});
