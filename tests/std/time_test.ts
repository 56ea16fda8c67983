import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { FakeTime, TimeError } from "@std/testing/time";

const START = "2024-02-29T00:00:00.000Z";

Deno.test("FakeTime holds Date still until told", () => {
  using time = new FakeTime(START);
  assertEquals([new Date().toISOString(), Date.now()], [START, time.start]);
  time.tick(1500);
  assertEquals(new Date().toISOString(), "2024-02-29T00:00:01.500Z");
  assertEquals([new Date(0).getTime(), new Date(2020, 1).getMonth()], [0, 1]);
});

Deno.test("FakeTime fires timers in order of time, then of arming, with Date at their time", () => {
  using time = new FakeTime(0);
  const fired: string[] = [];
  setInterval(() => fired.push(`interval ${Date.now()}`), 10);
  setTimeout((name: string) => fired.push(`${name} ${Date.now()}`), 20, "timeout");
  setTimeout(() => fired.push("far"), 26);
  time.tick(25);
  assertEquals(fired, ["interval 10", "timeout 20", "interval 20"]);
});

Deno.test("FakeTime forgets cleared timers", () => {
  using time = new FakeTime(0);
  const fired: string[] = [];
  clearTimeout(setTimeout(() => fired.push("timeout"), 1));
  clearInterval(setInterval(() => fired.push("interval"), 1));
  time.tick(10);
  assertEquals(fired, []);
});

Deno.test("FakeTime.next goes to the next timer and says whether there was one", () => {
  using time = new FakeTime(0);
  setTimeout(() => {}, 70);
  assertEquals([time.next(), time.now, time.next()], [true, 70, false]);
});

Deno.test("FakeTime.tickAsync and nextAsync count timers that pending promises set", async () => {
  using time = new FakeTime(0);
  const fired: number[] = [];
  void Promise.resolve().then(() => setTimeout(() => fired.push(time.now), 5));
  await time.tickAsync(10);
  void Promise.resolve().then(() => setTimeout(() => fired.push(time.now), 5));
  assert(await time.nextAsync());
  assertEquals(fired, [5, 15]);
});

Deno.test("FakeTime aborts AbortSignal.timeout at its time", () => {
  using time = new FakeTime(0);
  const signal = AbortSignal.timeout(10);
  time.tick(9);
  assert(!signal.aborted);
  time.tick(1);
  assertEquals(signal.reason.name, "TimeoutError");
});

Deno.test("FakeTime gives the real globals back, and dates stay dates", async () => {
  const names = ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] as const;
  const before = names.map((name) => globalThis[name]);
  const abortTimeout = AbortSignal.timeout;
  const time = new FakeTime(0);
  const made = new Date();
  assert(names.every((name, index) => globalThis[name] !== before[index]));
  time.restore();
  assertEquals(names.map((name) => globalThis[name] === before[names.indexOf(name)]), names.map(() => true));
  assertEquals(AbortSignal.timeout === abortTimeout, true);
  assertInstanceOf(made, Date);
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("FakeTime refuses a second one, a second restore, a step back and a bad start", () => {
  const time = new FakeTime(1000);
  assertThrows(() => new FakeTime(), TimeError, "already faked");
  assertThrows(() => time.tick(-1), RangeError, "only goes forward");
  time.restore();
  assertThrows(() => time.restore(), TimeError, "restored already");
  assertThrows(() => new FakeTime("soon"), TypeError, "expected a start time");
});
