import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Supervisor } from "../../core/engine/supervisor.ts";
import { virtualRuntime } from "annals/testing";
import type { Log, Telemetry } from "../../core/ports/telemetry.ts";

const log: Log = { debug() {}, info() {}, warn() {}, error() {} };

function openSupervisor() {
  const restarted: string[] = [];
  const telemetry: Telemetry = {
    counter: () => ({ at: (labels) => ({ add: () => void restarted.push(Object.values(labels).join()) }) }),
    histogram: () => ({ at: () => ({ observe() {} }) }),
    gauge() {},
  };
  const runtime = virtualRuntime({ seed: 1 });
  return { supervisor: new Supervisor({ runtime, log, telemetry }), runtime, restarted };
}

const untilStopped = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

describe("Supervisor", () => {
  it("restarts the child that throws or ends, later each time, and leaves the others alone", async () => {
    const { supervisor, runtime, restarted } = openSupervisor();
    const startsMs: number[] = [];
    let steadyStarts = 0;
    supervisor.start({
      name: "steady",
      run: (signal) => {
        steadyStarts += 1;
        return untilStopped(signal);
      },
    });
    supervisor.start({
      name: "broken",
      run: () => {
        startsMs.push(runtime.monotonicMs());
        return startsMs.length % 2 === 1 ? Promise.reject(new Error("boom")) : Promise.resolve();
      },
    });
    await runtime.advance(60_000);
    const pauses = startsMs.slice(1).map((at, index) => at - (startsMs[index] ?? 0));
    assert(pauses.length >= 8, `expected at least 8 restarts in a minute, found ${pauses.length}`);
    for (const [index, pauseMs] of pauses.entries()) {
      const fullMs = Math.min(100 * 2 ** index, 10_000);
      assert(pauseMs >= fullMs / 2 && pauseMs <= fullMs, `expected ${fullMs / 2} to ${fullMs} ms, found ${pauseMs}`);
    }
    assertEquals(steadyStarts, 1);
    assert(restarted.every((component) => component === "broken"));
    const statuses = Object.fromEntries(supervisor.statuses().map((status) => [status.name, status]));
    assertEquals(statuses.steady, { name: "steady", state: "running", restarts: 0, lastError: null });
    assertEquals(statuses.broken?.restarts, restarted.length);
    await supervisor.stop();
    assertEquals(supervisor.statuses().map(({ state }) => state), ["stopped", "stopped"]);
    assertEquals(runtime.pending, 0);
  });

  it("waits for a child to end when it is stopped, and does not count that as a failure", async () => {
    const { supervisor, restarted } = openSupervisor();
    let ended = false;
    supervisor.start({
      name: "careful",
      run: async (signal) => {
        await untilStopped(signal);
        await Promise.resolve();
        ended = true;
      },
    });
    await supervisor.stop();
    assert(ended);
    assertEquals(restarted, []);
  });
});
