import { until } from "../../tests/contract/surroundings.ts";
import { LOOKED, type Watch } from "./watch.ts";

Deno.test("the watchdog's thread shows that it looks", async () => {
  const counters = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(new URL("./watchdog_worker.ts", import.meta.url), { type: "module" });
  try {
    worker.postMessage({ counters, ticks: Infinity, tickMs: 10 } satisfies Watch);
    await until(() => Atomics.load(counters, LOOKED) > 2, 10_000);
  } finally {
    worker.terminate();
  }
});
