import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../testing.ts";

const NOON = Date.UTC(2026, 10, 21, 12);

describe("The virtual clock", () => {
  it("stands at its start and moves by what is advanced", async () => {
    const runtime = virtualRuntime({ seed: 1, startAt: NOON });
    assertEquals([runtime.now(), runtime.monotonicMs()], [NOON, 0]);
    await runtime.advance(1500.5);
    assertEquals([runtime.now(), runtime.monotonicMs()], [NOON + 1500, 1500.5]);
  });
  it("refuses to go back, and to be advanced twice at once", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    await assertRejects(() => runtime.advance(-1), RangeError, "expected at least 0 ms, found -1");
    await assertRejects(() => runtime.advance(NaN), RangeError, "found NaN");
    const first = runtime.advance(1);
    await assertRejects(() => runtime.advance(1), Error, "await the first call");
    await first;
    await runtime.advance(1);
    assertEquals(runtime.monotonicMs(), 2);
  });
});

describe("A virtual sleep", () => {
  it("ends when its time has come and not before", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    let woken = false;
    const slept = runtime.sleep(10).then(() => woken = true);
    assertEquals(runtime.pending, 1);
    await runtime.advance(9);
    assertEquals([woken, runtime.pending], [false, 1]);
    await runtime.advance(1);
    assertEquals([woken, runtime.pending], [true, 0]);
    await slept;
  });
  it("ends in the order of moments, then of making, at its own moment", async () => {
    const runtime = virtualRuntime({ seed: 1, startAt: 0 });
    const seen: string[] = [];
    const naps = [30, 10, 20, 10, 0].map((ms, at) =>
      runtime.sleep(ms).then(() => seen.push(`${at} at ${runtime.now()}`))
    );
    await runtime.advance(100);
    await Promise.all(naps);
    assertEquals(seen, ["4 at 0", "1 at 10", "3 at 10", "2 at 20", "0 at 30"]);
  });
  it("set on the way is counted in, however many promises stand before it", async () => {
    const runtime = virtualRuntime({ seed: 1, startAt: 0 });
    const moments: number[] = [];
    const running = (async () => {
      for (let round = 0; round < 3; round += 1) {
        for (let step = 0; step < 1000; step += 1) await Promise.resolve();
        await runtime.sleep(10);
        moments.push(runtime.now());
      }
    })();
    await runtime.advance(30);
    await running;
    assertEquals(moments, [10, 20, 30]);
  });
  it("rejects with the signal's reason when that aborts, and leaves no timer", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const controller = new AbortController();
    const reason = new Error("no longer needed");
    const others = runtime.sleep(5);
    const slept = runtime.sleep(5, { signal: controller.signal });
    controller.abort(reason);
    assertEquals(await assertRejects(() => slept), reason);
    assertEquals(runtime.pending, 1);
    await runtime.advance(5);
    await others;
  });
  it("rejects at once when the signal has aborted", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const reason = new Error("too late");
    assertEquals(await assertRejects(() => runtime.sleep(5, { signal: AbortSignal.abort(reason) })), reason);
    assertEquals(runtime.pending, 0);
  });
  it("that ended is not disturbed by a later abort", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    const controller = new AbortController();
    const slept = runtime.sleep(5, { signal: controller.signal });
    await runtime.advance(5);
    await slept;
    const other = runtime.sleep(5);
    controller.abort();
    assertEquals(runtime.pending, 1);
    await runtime.advance(5);
    await other;
  });
  it("of no time, again and again, ends the advance with an error", async () => {
    const runtime = virtualRuntime({ seed: 1 });
    let isOver = false;
    const spinning = (async () => {
      while (!isOver) await runtime.sleep(0);
    })();
    await assertRejects(() => runtime.advance(1), RangeError, "timers never end");
    isOver = true;
    await runtime.advance(0);
    await spinning;
  });
});

describe("Virtual chance", () => {
  const draw = (seed: number) => {
    const runtime = virtualRuntime({ seed });
    return Array.from({ length: 1000 }, () => runtime.random());
  };
  it("is the same for the same seed and another for another", () => {
    assertEquals(draw(7), draw(7));
    for (const seed of [0, 8, -7, 7 + 2 ** 32]) assertNotEquals(draw(7), draw(seed));
  });
  it("lies from 0 to below 1, evenly", () => {
    const drawn = draw(3);
    assert(drawn.every((each) => each >= 0 && each < 1));
    const tenths = Map.groupBy(drawn, (each) => Math.floor(each * 10));
    for (let tenth = 0; tenth < 10; tenth += 1) assert((tenths.get(tenth)?.length ?? 0) > 60, `tenth ${tenth}`);
  });
  it("does not change when ids are made in between", () => {
    const [runtime, undisturbed] = [virtualRuntime({ seed: 7 }), virtualRuntime({ seed: 7 })];
    runtime.newId();
    assertEquals(runtime.random(), undisturbed.random());
  });
});

describe("Virtual ids", () => {
  const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  it("are UUIDv7 of the virtual moment, unique and rising", async () => {
    const { newId, advance } = virtualRuntime({ seed: 5, startAt: NOON });
    const ids = Array.from({ length: 10_000 }, () => newId());
    await advance(1);
    ids.push(newId());
    for (const id of ids) assertMatch(id, UUID_V7);
    assertEquals(ids, [...new Set(ids)].sort());
    const moments = [ids[0], ids.at(-1)].map((id = "") => Number.parseInt(id.replace("-", "").slice(0, 12), 16));
    assertEquals(moments, [NOON, NOON + 1]);
  });
  it("are the same for the same seed and others for another", () => {
    const first = (seed: number) => virtualRuntime({ seed }).newId();
    assertEquals(first(1), first(1));
    assertNotEquals(first(1), first(2));
  });
});
