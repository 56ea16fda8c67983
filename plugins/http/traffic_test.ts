import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../core/testing.ts";
import { Traffic } from "./traffic.ts";

describe("Traffic", () => {
  it("tells everybody who waits when all is answered and had time to leave", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const traffic = new Traffic();
    const { signal } = new AbortController();
    const told: number[] = [];
    traffic.begin();
    traffic.begin();
    for (let at = 0; at < 2; at++) {
      traffic.whenAnswered(runtime, signal).then(() => told.push(runtime.monotonicMs()));
    }
    await runtime.advance(5000);
    traffic.end();
    await runtime.advance(5000);
    assertEquals(told, []);
    traffic.end();
    await runtime.advance(5000);
    assertEquals(told, [11_000, 11_000]);
  });
  it("waits on for a request that came in the meantime", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const traffic = new Traffic();
    let told = false;
    traffic.whenAnswered(runtime, new AbortController().signal).then(() => told = true);
    await runtime.advance(500);
    traffic.begin();
    await runtime.advance(10_000);
    assertEquals(told, false);
    traffic.end();
    await runtime.advance(1000);
    assertEquals(told, true);
  });
  it("tells at once when nothing is under way and the signal aborts", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    await new Traffic().whenAnswered(runtime, AbortSignal.abort());
    assertEquals([runtime.monotonicMs(), runtime.pending], [0, 0]);
  });
});
