// hot.ts: what single calls on the hot path cost, in nanoseconds of the clock; the median of five interleaved runs.
import { v7 } from "uuid";
import { median } from "./table.ts";

const pool = new Uint8Array(16 * 256);
let used = pool.length;
const options = {
  rng() {
    if (used === pool.length) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    return pool.subarray(used, used += 16);
  },
};

const N = 20_000;
const text = '{"type":"Deposit","amount":5}', bytes = new TextEncoder().encode(text), decoder = new TextDecoder();
const wheel = new Set<{ due: number }>();
// A body made here is not the native body of Deno.serve: these three show order, not size.
const request = () => new Request("http://127.0.0.1/", { method: "POST", body: bytes });

const cases: Record<string, () => unknown> = {
  "uuid v7": () => v7(),
  "uuid v7, pooled rng": () => v7(options),
  "crypto.randomUUID": () => crypto.randomUUID(),
  "setTimeout + clearTimeout": () => clearTimeout(setTimeout(() => {}, 10_000)),
  "shared sweep: performance.now + Set add + delete": () => {
    const entry = { due: performance.now() + 10_000 };
    wheel.add(entry);
    wheel.delete(entry);
  },
  "Date.now": () => Date.now(),
  "performance.now": () => performance.now(),
  "new Request": () => void request(),
  "new Request, json()": () => request().json(),
  "new Request, text() + JSON.parse": () => request().text().then(JSON.parse),
  "new Request, arrayBuffer() + TextDecoder": () => request().arrayBuffer().then((b) => JSON.parse(decoder.decode(b))),
};

const found: Record<string, number[]> = {};
for (let round = 0; round < 6; round++) {
  for (const [name, work] of Object.entries(cases)) {
    const awaited = work() instanceof Promise;
    const began = performance.now();
    if (awaited) { for (let i = 0; i < N; i++) await work(); }
    else for (let i = 0; i < N; i++) work();
    if (round > 0) (found[name] ??= []).push((performance.now() - began) * 1e6 / N);
  }
}
console.log("| Call | ns |\n|---|---|");
for (const [name, times] of Object.entries(found)) {
  console.log(`| ${name} | ${median(times).toFixed(0)} |`);
}
