import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { Supervisor } from "../../core/engine/supervisor.ts";
import type { Component, Life } from "../../core/ports/supervision.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { keptLog } from "../contract/surroundings.ts";

const NEVER = new AbortController().signal;

function openSupervisor() {
  const restarted: string[] = [];
  const telemetry: Telemetry = {
    counter: () => ({ at: (labels) => ({ add: () => void restarted.push(Object.values(labels).join()) }) }),
    histogram: () => ({ at: () => ({ observe() {} }) }),
    gauge() {},
  };
  const runtime = virtualRuntime({ seed: 1 });
  const log = keptLog();
  const root = new Supervisor("root", { runtime, log, telemetry });
  const branch = root.branch("branch");
  let steadyStarts = 0;
  branch.start({
    name: "steady",
    run: (life) => {
      steadyStarts += 1;
      return untilStopped(life);
    },
  });
  const found = (name: string): Component => {
    const component = flat(root.tree()).find((each) => each.name === name);
    if (component === undefined) throw new Error(`expected a component ${name}`);
    return component;
  };
  return { root, branch, runtime, log, restarted, found, steadyStarts: () => steadyStarts };
}

const flat = (component: Component): Component[] => [component, ...component.children.flatMap(flat)];

const untilStopped = ({ signal }: Life) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

describe("a supervised component", () => {
  it("that throws or ends is restarted, later each time, and the others do not notice", async () => {
    const { root, branch, runtime, restarted, found, steadyStarts } = openSupervisor();
    const startsMs: number[] = [];
    branch.start({
      name: "broken",
      run: () => {
        startsMs.push(runtime.monotonicMs());
        return startsMs.length % 2 === 1 ? Promise.reject(new Error("boom")) : Promise.resolve();
      },
    });
    await runtime.advance(3_000);
    const pauses = startsMs.slice(1).map((at, index) => at - (startsMs[index] ?? 0));
    assert(pauses.length >= 4, `expected at least 4 restarts in 3 s, found ${pauses.length}`);
    for (const [index, pauseMs] of pauses.entries()) {
      const fullMs = 100 * 2 ** index;
      assert(pauseMs >= fullMs / 2 && pauseMs <= fullMs, `expected ${fullMs / 2} to ${fullMs} ms, found ${pauseMs}`);
    }
    assertEquals(steadyStarts(), 1);
    assert(restarted.every((component) => component === "broken"));
    assertEquals([found("steady").state, found("steady").restarts, found("steady").lastError], ["running", 0, null]);
    assertEquals([found("broken").state, found("broken").restarts], ["restarting", restarted.length]);
    assertMatch(found("broken").lastError ?? "", /^Error: (boom|broken ended although nobody stopped it)$/);
    await root.stop(NEVER);
    assertEquals(flat(root.tree()).map(({ state }) => state), ["stopped", "stopped", "stopped", "stopped"]);
    assertEquals(runtime.pending, 0);
  });

  it("that keeps failing is handed to its parent, which holds it back, longer each time", async () => {
    const { root, branch, runtime, restarted, log, found, steadyStarts } = openSupervisor();
    let starts = 0;
    let isMended = false;
    branch.start({
      name: "broken",
      run: (life) => {
        starts += 1;
        return isMended ? untilStopped(life) : Promise.reject(new Error("boom"));
      },
    });
    await runtime.advance(60_000);
    assertEquals([starts, found("broken").state], [10, "held_back"]);
    assertEquals([found("branch").restarts, found("branch").lastError], [1, "broken: Error: boom"]);
    assertEquals([found("root").restarts, steadyStarts()], [0, 1]);
    await runtime.advance(60_000);
    await runtime.advance(60_000);
    assertEquals([starts, found("branch").restarts, found("broken").state], [20, 2, "held_back"]);
    const held = log.lines.filter(({ message }) => message.includes("holds it back"));
    assertEquals(held.map(({ fields }) => (fields as { pause_seconds: number }).pause_seconds), [60, 120]);
    isMended = true;
    await runtime.advance(120_000);
    assertEquals([starts, found("broken").state, found("steady").restarts], [21, "running", 0]);
    assertEquals(restarted.filter((component) => component === "branch").length, 2);
    await root.stop(NEVER);
    assertEquals(runtime.pending, 0);
  });

  it("that fails now and then is never held back", async () => {
    const { root, branch, runtime, found } = openSupervisor();
    branch.start({ name: "weak", run: () => runtime.sleep(61_000).then(() => Promise.reject(new Error("again"))) });
    await runtime.advance(61_000 * 40);
    assertEquals(found("branch").restarts, 0);
    assert(found("weak").restarts >= 38, `expected a restart a minute, found ${found("weak").restarts}`);
    const stopping = root.stop(NEVER);
    await runtime.advance(61_000);
    await stopping;
  });

  it("that hangs is left behind with its signal aborted, and runs anew", async () => {
    const { root, branch, runtime, found, steadyStarts } = openSupervisor();
    const lives: Life[] = [];
    branch.start({
      name: "stuck",
      run: (life) => {
        lives.push(life);
        life.beat();
        return lives.length === 1 ? new Promise(() => {}) : untilStopped(life);
      },
    });
    await runtime.advance(59_000);
    assertEquals([lives.length, lives[0]?.signal.aborted], [1, false]);
    await runtime.advance(13_000);
    assertEquals([lives.length, lives[0]?.signal.aborted, lives[1]?.signal.aborted], [2, true, false]);
    assertEquals([found("stuck").restarts, found("stuck").state, steadyStarts()], [1, "running", 1]);
    assertEquals(found("stuck").lastError, "Error: It hangs: it has not moved for 60 s");
    lives[1]?.rest();
    await root.stop(NEVER);
    assertEquals(runtime.pending, 0);
  });

  it("that is slow but moves, or waits for what others bring, is not taken for hung", async () => {
    const { root, branch, runtime, found } = openSupervisor();
    branch.start({
      name: "slow",
      run: async ({ signal, beat }) => {
        while (!signal.aborted) {
          beat();
          await runtime.sleep(50_000, { signal }).catch(() => {});
        }
      },
    });
    branch.start({
      name: "idle",
      run: (life) => {
        life.beat();
        life.rest();
        return untilStopped(life);
      },
    });
    await runtime.advance(3_600_000);
    assertEquals([found("slow").restarts, found("idle").restarts], [0, 0]);
    await root.stop(NEVER);
  });

  it("is waited for when it is stopped, which is no failure", async () => {
    const { root, branch, restarted } = openSupervisor();
    let ended = false;
    branch.start({
      name: "careful",
      run: async (life) => {
        await untilStopped(life);
        await Promise.resolve();
        ended = true;
      },
    });
    await root.stop(NEVER);
    assert(ended);
    assertEquals(restarted, []);
  });

  it("is left behind when it does not end in time", async () => {
    const { root, branch, runtime, log } = openSupervisor();
    branch.start({ name: "deaf", run: () => new Promise(() => {}) });
    const late = new AbortController();
    const stopping = root.stop(late.signal);
    await runtime.advance(0);
    late.abort();
    await stopping;
    const left = log.lines.find(({ message }) => message.includes("left behind"));
    assertEquals(left?.fields, { components: ["deaf"] });
  });

  it("may end when its work is done, and is then off the tree", async () => {
    const { root, branch, restarted } = openSupervisor();
    await branch.start({ name: "scan", mayEnd: true, run: () => Promise.resolve() });
    const until = new AbortController();
    const ended = branch.start({ name: "care", until: until.signal, run: untilStopped });
    until.abort();
    await ended;
    assertEquals(flat(root.tree()).map(({ name }) => name), ["root", "branch", "steady"]);
    assertEquals(restarted, []);
    await root.stop(NEVER);
  });
});
