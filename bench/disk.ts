import { percentile } from "./statistics.ts";

const BLOCK = new Uint8Array(4096).fill(7);

/** What the disk itself takes for 4 KiB made durable: the 99th percentile, of as many appends. */
export function fsyncP99Us(directory: string, appends: number): number {
  using file = Deno.openSync(`${directory}/fsync`, { create: true, write: true, truncate: true });
  const times: number[] = [];
  for (let at = 0; at < appends; at++) {
    const sinceMs = performance.now();
    file.writeSync(BLOCK);
    file.syncSync();
    times.push((performance.now() - sinceMs) * 1000);
  }
  return percentile(times, 99);
}
